"""Hyperparameters of trainings that were best for other materials, to begin a search with."""

import math
from collections.abc import Mapping, Sequence

from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value

# How the networks of the tables of trained networks in benchmarks/data/tables were trained that
# have the lowest loss, one of each material in turn (docs/concepts/table.md); a test takes them
# from there again. They hold for the optimiser `soap` with a cosine schedule.
OPTIMISER, SCHEDULE = "soap", "cosine"
_KEYS = ("learning_rate", "batch_size", "weight_decay", "input_scaling")
KNOWN_POINTS: tuple[dict[str, Value], ...] = tuple(
    dict(zip(_KEYS, values, strict=True))
    for values in (
        (0.019, 250, 0.0, "standardised"),
        (0.0135, 250, 0.3, "standardised"),
        (0.0203, 500, 0.3, "standardised"),
        (0.00711, 250, 0.0, "standardised"),
        (0.0116, 250, 0.0, "standardised"),
        (0.00503, 250, 0.3, "standardised"),
    )
)
# The best rate of a larger batch is higher by this power of its size, fitted to the same tables.
RATE_EXPONENT = 0.62


def known_points(
    space: SearchSpace, count: int, known: Sequence[Mapping[str, Value]] = KNOWN_POINTS
) -> list[dict[str, Value]]:
    """Fit known points into a space.

    Parameters
    ----------
    space
        Of the trainings of a search: the learning rate is its only interval.
    count
        How many are wanted.
    known
        The points, best first.

    Returns
    -------
    list of dict
        At most `count` different points of the space. Numbers that a list lacks are moved to its
        nearest option (by ratio), the learning rate goes with the batch size, and to the end of its
        interval if it is outside; a point with another kind of option that is not listed is left
        out; what a point does not tell is the first option. None if the space lacks the optimiser
        or the schedule that the points are for.
    """
    points: list[dict[str, Value]] = []
    for one in known:
        point = _fitted({**one, "optimiser": OPTIMISER, "schedule": SCHEDULE}, space)
        if point is not None and point not in points:
            points.append(point)
    return points[:count]


def _fitted(wanted: Mapping[str, Value], space: SearchSpace) -> dict[str, Value] | None:
    """A point in the space; none if one of its options has no likeness there."""
    point: dict[str, Value] = {}
    for key, dimension in space.items():
        if isinstance(dimension, Choices):
            option = _option(dimension, wanted.get(key, dimension.options[0]))
            if option is None:
                return None
            point[key] = option
    ratio = float(point["batch_size"]) / float(wanted["batch_size"])
    rate = float(f"{float(wanted['learning_rate']) * ratio**RATE_EXPONENT:.3g}")
    intervals = {k: one.clipped(rate) for k, one in space.items() if isinstance(one, Interval)}
    return point | intervals


def _option(dimension: Choices, value: Value) -> Value | None:
    """The option, or the number that is nearest to it; none if nothing is."""
    if value in dimension:
        return value
    numbers = [one for one in dimension.options if isinstance(one, int | float) and one > 0]
    if isinstance(value, str | bool) or value <= 0 or not numbers:
        return None
    return min(numbers, key=lambda one: abs(math.log(one / value)))
