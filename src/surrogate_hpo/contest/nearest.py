"""The configuration of a table that is nearest to a point of its space.

The distance of two points is the sum of those of their hyperparameters: of an interval, and of
numbers in a list, the distance on the unit scale, where a list's numbers are spaced by their rank;
of all others 0 if equal, else 1.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.contest.methods.interface import Hyperparameters
from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value

Floats = NDArray[np.float64]


class NearestConfiguration:
    """Finds the configuration of a table that is nearest to a point.

    Parameters
    ----------
    space
        The space of the table.
    configurations
        Points of it.
    keys
        Hyperparameters that count; all by default.
    """

    def __init__(
        self,
        space: SearchSpace,
        configurations: Iterable[Mapping[str, Value]],
        keys: Iterable[str] | None = None,
    ) -> None:
        kept = set(space if keys is None else keys)
        self._space = {key: one for key, one in space.items() if key in kept}
        points = list(configurations)
        self._columns = {
            key: np.array([_position(one, point[key]) for point in points])
            for key, one in self._space.items()
        }
        # Of options, whose values come again, the distances are tabulated.
        self._tabulated = {
            key: {
                option: _distances(one, _position(one, option), self._columns[key])
                for option in one.options
            }
            for key, one in self._space.items()
            if isinstance(one, Choices)
        }
        self._known: dict[tuple[Value, ...], int] = {}

    def __call__(self, point: Hyperparameters) -> int:
        """Number of the nearest configuration, the first of equals.

        Parameters
        ----------
        point
            With all hyperparameters that count; others are ignored.

        Returns
        -------
        int
            From 0.
        """
        wanted = tuple([point[key] for key in self._space])
        found = self._known.get(wanted)
        if found is None:
            apart = [self._distances(key, point[key]) for key in self._space]
            found = self._known[wanted] = int(np.argmin(sum(apart[1:], apart[0])))
        return found

    def _distances(self, key: str, value: Value) -> Floats:
        if key in self._tabulated:
            return self._tabulated[key][value]
        return _distances(self._space[key], _position(self._space[key], value), self._columns[key])


def _ordered(dimension: Interval | Choices) -> bool:
    return isinstance(dimension, Interval) or all(
        isinstance(option, int | float) and not isinstance(option, bool)
        for option in dimension.options
    )


def _position(dimension: Interval | Choices, value: Value) -> float:
    """Where a value lies: 0…1 where values have an order, else the number of the option."""
    if isinstance(dimension, Choices):
        options = dimension.options
        if not _ordered(dimension):
            return float(options.index(value))
        return sorted(map(float, options)).index(float(value)) / max(len(options) - 1, 1)
    low, high, here = dimension.low, dimension.high, float(value)
    if dimension.logarithmic:
        low, high, here = math.log(low), math.log(high), math.log(here)
    return (here - low) / (high - low)


def _distances(dimension: Interval | Choices, here: float, there: Floats) -> Floats:
    apart: Floats = np.abs(there - here)
    return apart if _ordered(dimension) else np.minimum(apart, 1.0)
