"""Points of a search space from the unit cube: one at a time, or spread evenly."""

import math

from scipy.stats import qmc

from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value


def from_unit(dimension: Interval | Choices, unit: float) -> Value:
    """Map a number between 0 and 1 to a value.

    Parameters
    ----------
    dimension
        Where the value belongs.
    unit
        0…1. An interval is crossed evenly on its own scale; of n choices number floor(n u)
        is taken, which is rounding to the nearest index, with equal shares for all.

    Returns
    -------
    Value
        Always within the dimension.
    """
    if isinstance(dimension, Choices):
        count = len(dimension.options)
        return dimension.options[min(int(unit * count), count - 1)]
    low, high = dimension.low, dimension.high
    if dimension.logarithmic:
        value = math.exp((1 - unit) * math.log(low) + unit * math.log(high))
    else:
        value = (1 - unit) * low + unit * high
    # Twelve digits, so that the middle of 1e-5…1e-1 is 0.001 and not 0.0010000000000000002.
    return dimension.clipped(float(f"{value:.12g}"))


def spread_points(space: SearchSpace, count: int, *, seed: int) -> list[dict[str, Value]]:
    """Draw points that fill the space more evenly than random ones: a scrambled Sobol sequence.

    Owen, *J. Complexity* 14, 466 (1998). The first points of a longer sequence of the same seed
    are those of a shorter one.

    Parameters
    ----------
    space
        Hyperparameters by name.
    count
        Number of points.
    seed
        Of the scrambling.

    Returns
    -------
    list of dict
        Points in the order of the sequence.
    """
    sequence = qmc.Sobol(len(space), scramble=True, rng=seed)
    # A whole power of two, as the sequence wants it, of which the first are taken.
    units = sequence.random_base2(max(count - 1, 1).bit_length())[:count]
    return [
        {key: from_unit(space[key], float(u)) for key, u in zip(space, row, strict=True)}
        for row in units
    ]
