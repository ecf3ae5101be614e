"""Columns of the tables that a run has written, as figures take them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Row = Mapping[str, str]


def numbers(rows: Sequence[Row], column: str) -> NDArray[np.float64]:
    """One column as float64; an empty cell becomes NaN."""
    return np.array([float(row[column] or "nan") for row in rows])


def flags(rows: Sequence[Row], column: str) -> list[bool]:
    """One column of True and False."""
    return [row[column] == "True" for row in rows]
