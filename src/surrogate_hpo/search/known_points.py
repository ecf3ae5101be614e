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
        (0.0116, 250, 0.0, "standardised"),
        (0.0276, 250, 0.3, "standardised"),
        (0.00711, 250, 0.0, "standardised"),
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
        Of the search, with `optimiser` and `schedule`.
    count
        How many are wanted.
    known
        The points, best first.

    Returns
    -------
    list of dict
        At most `count` different points of the space. Numbers outside of an interval are moved to
        its end, those that a list lacks to its nearest option (by ratio), and the learning rate
        with the batch size; a point with another kind of option that is not listed is left out;
        what a point does not tell is the first option.
        None if the space lacks the optimiser or the schedule that the points are for.
    """
    fixed = {"optimiser": OPTIMISER, "schedule": SCHEDULE}
    points: list[dict[str, Value]] = []
    for one in known:
        wanted = {**one, **fixed}
        if "batch_size" in wanted and "learning_rate" in wanted:
            wanted["learning_rate"] = _rate(space, wanted)
        point = {key: _fitted(dimension, wanted.get(key)) for key, dimension in space.items()}
        fitted = {key: value for key, value in point.items() if value is not None}
        if len(fitted) == len(space) and fitted not in points:
            points.append(fitted)
    return points[:count]


def _rate(space: SearchSpace, wanted: Mapping[str, Value]) -> float:
    """The learning rate for the batch size that the space has instead of the wanted one."""
    size = _fitted(space["batch_size"], wanted["batch_size"]) if "batch_size" in space else None
    ratio = 1.0 if size is None else float(size) / float(wanted["batch_size"])
    return float(f"{float(wanted['learning_rate']) * ratio**RATE_EXPONENT:.3g}")


def _fitted(dimension: Interval | Choices, value: Value | None) -> Value | None:
    """The value, or what is nearest to it; none if nothing is."""
    if isinstance(dimension, Interval):
        middle = math.sqrt(dimension.low * dimension.high)
        wanted = middle if value is None else float(value)
        return min(max(wanted, dimension.low), dimension.high)
    if value is None:
        return dimension.options[0]
    if value in dimension.options:
        return value
    if isinstance(value, str | bool):
        return None
    numbers = [one for one in dimension.options if isinstance(one, int | float) and one > 0]
    if value <= 0 or not numbers:
        return None
    return min(numbers, key=lambda one: abs(math.log(one / value)))
