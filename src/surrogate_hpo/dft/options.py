"""Names of what can be chosen; loads nothing, so that a config can hold them."""

from typing import Literal

Interpolation = Literal["linear", "idpp"]
