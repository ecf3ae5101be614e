"""Points of a search space: at random, at levels, at the defaults."""

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


def architecture_part(space: SearchSpace) -> dict[str, Interval | Choices]:
    """Hyperparameters of the network."""
    return {key: space[key] for key in space if key in ARCHITECTURE_KEYS}


def training_part(space: SearchSpace) -> dict[str, Interval | Choices]:
    """Hyperparameters of its training: all others."""
    return {key: space[key] for key in space if key not in ARCHITECTURE_KEYS}
