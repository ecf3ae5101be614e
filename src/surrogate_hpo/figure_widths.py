"""Names that a config offers for figures; importing them imports no matplotlib."""

from typing import Literal

FigureWidth = Literal["single", "double"]
"""A column of a two-column journal, or both."""
