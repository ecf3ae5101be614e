"""Numbers with bootstrap intervals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number and its bootstrap interval over replays.

    Attributes
    ----------
    value
        Of all replays; NaN if it is not defined.
    low
        Lower end of the interval.
    high
        Upper end.
    """

    value: float
    low: float
    high: float
