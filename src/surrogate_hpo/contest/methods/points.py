"""Points of a search space: at random, at levels, at the defaults."""

from collections.abc import Collection

import numpy as np

from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value
from surrogate_hpo.search.unit_cube import from_unit


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


def architecture_part(
    space: SearchSpace, keys: Collection[str] = ARCHITECTURE_KEYS
) -> dict[str, Interval | Choices]:
    """Hyperparameters that a score without training tells apart: those of the network."""
    return {key: space[key] for key in space if key in keys}


def training_part(
    space: SearchSpace, keys: Collection[str] = ARCHITECTURE_KEYS
) -> dict[str, Interval | Choices]:
    """All others: those of its training."""
    return {key: space[key] for key in space if key not in keys}
