"""Settings of a series of snapshots, such that every beginning of the series is spread out."""

import math
from collections.abc import Sequence

# Steps of the two axes. Multiples of the golden ratio stay farthest from whole numbers, so every
# n-th point is spread too; the root of two has no rational relation to it.
_STEPS = ((math.sqrt(5) - 1) / 2, math.sqrt(2) - 1)


def cycled(index: int, lengths: Sequence[int]) -> list[int]:
    """Place in each of several lists that are gone through together.

    Each list is cycled. After a common period of those before it, it starts one place later, so
    that in the end every combination has come equally often, in particular where lengths are equal.

    Parameters
    ----------
    index
        Of the snapshot in the series, from 0.
    lengths
        Of the lists, each at least 1.

    Returns
    -------
    list of int
        One place per list.
    """
    places, period = [], 1
    for length in lengths:
        shift = index // math.lcm(period, length) % math.gcd(period, length)
        places.append((index + shift) % length)
        period *= length
    return places


def spread(index: int, axis: int) -> float:
    r"""Number between 0 and 1 of an additive low-discrepancy sequence.

    :math:`x_i = (1/2 + i s) \bmod 1` with an irrational step :math:`s` (Kronecker's sequence).

    Parameters
    ----------
    index
        i, from 0.
    axis
        0 or 1; both together fill the square evenly.

    Returns
    -------
    float
        In [0, 1).
    """
    return math.fmod(0.5 + index * _STEPS[axis], 1.0)
