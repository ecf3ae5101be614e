"""Points of a search space: from the unit cube, at random, at levels, at the defaults."""

import math

import numpy as np

from surrogate_hpo.search.options import ARCHITECTURE_KEYS
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
    return min(max(float(f"{value:.12g}"), low), high)


def random_point(space: SearchSpace, rng: np.random.Generator) -> dict[str, Value]:
    """Draw a point: intervals evenly on their scale, choices with equal chances."""
    return {key: from_unit(dimension, rng.random()) for key, dimension in space.items()}


def default_point(space: SearchSpace) -> dict[str, Value]:
    """First option of choices; middle of intervals, the geometric one on a logarithmic scale."""
    return {
        key: dimension.options[0] if isinstance(dimension, Choices) else from_unit(dimension, 0.5)
        for key, dimension in space.items()
    }


def levels(dimension: Interval | Choices, count: int) -> tuple[Value, ...]:
    """All options of choices; `count` evenly spaced values of an interval, both ends included."""
    if isinstance(dimension, Choices):
        return dimension.options
    if count == 1:
        return (from_unit(dimension, 0.5),)
    return tuple(from_unit(dimension, step / (count - 1)) for step in range(count))


def architecture_part(space: SearchSpace) -> dict[str, Interval | Choices]:
    """Hyperparameters of the network."""
    return {key: space[key] for key in space if key in ARCHITECTURE_KEYS}


def training_part(space: SearchSpace) -> dict[str, Interval | Choices]:
    """Hyperparameters of its training: all others."""
    return {key: space[key] for key in space if key not in ARCHITECTURE_KEYS}
