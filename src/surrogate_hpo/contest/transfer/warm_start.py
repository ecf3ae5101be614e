"""A search that begins with what was best for other materials."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import (
    Budget,
    MethodResult,
    Objective,
    TrainingFree,
    Trial,
)
from surrogate_hpo.contest.methods.points import default_point
from surrogate_hpo.contest.table_answers import SeenError, errors_of
from surrogate_hpo.errors import DataError
from surrogate_hpo.search.options import MethodName
from surrogate_hpo.search.space import Choices, SearchSpace, Value
from surrogate_hpo.search.trained_table import TrainedTable


def best_points(
    tables: Sequence[TrainedTable],
    space: SearchSpace,
    count: int,
    error: SeenError = "validation_loss",
) -> list[dict[str, Value]]:
    """Take the best configurations of other tables, one of each table in turn.

    Parameters
    ----------
    tables
        Of other materials.
    space
        Of the search. Values outside of an interval are moved to its end; a hyperparameter that a
        table lacks is at its default; a configuration with an option that the space does not have
        is left out.
    count
        How many points.
    error
        What they are the best in, by the mean over seeds after whole trainings.

    Returns
    -------
    list of dict
        Different points, at most `count`.

    Raises
    ------
    DataError
        None of the configurations fits in the space.
    """
    default = default_point(space)
    ranked = (_usable(table, space, default, error) for table in tables)
    points: list[dict[str, Value]] = []
    for point in chain.from_iterable(zip_longest(*ranked)):
        if point is not None and point not in points and len(points) < count:
            points.append(point)
    if not points:
        raise DataError(
            "No configuration of the tables fits in the space of the search.",
            expected=f"options of {', '.join(space)} that the search lists, too",
            got=f"{sum(len(table.configurations) for table in tables)} configurations",
        )
    return points


def _usable(
    table: TrainedTable, space: SearchSpace, default: dict[str, Value], error: SeenError
) -> Iterator[dict[str, Value]]:
    errors = errors_of(table, error)
    usable = [number for number in range(len(errors)) if math.isfinite(errors[number])]
    for number in sorted(usable, key=errors.__getitem__):
        found = table.configurations[number].hyperparameters
        point = {key: found.get(key, default[key]) for key in space}
        for key, one in space.items():
            if not isinstance(one, Choices):
                point[key] = one.clipped(float(point[key]))
        if all(value in space[key] for key, value in point.items()):
            yield point


@dataclass(frozen=True)
class WarmStart:
    """A method that first trains at given points, at the expense of its own trials.

    Attributes
    ----------
    base
        The method.
    first
        Points of its space.
    """

    base: SearchMethod
    first: Sequence[dict[str, Value]]

    @property
    def name(self) -> MethodName:
        """Name of the method."""
        return self.base.name

    @property
    def label(self) -> str:
        """Name in figures and texts."""
        return f"{self.base.label}, warm start"

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As that of the method, with fewer trials."""
        left = budget.trials - len(self.first)
        self.base.check(space, Budget(left, budget.initialisations))

    def run(
        self,
        objective: Objective,
        space: SearchSpace,
        *,
        budget: Budget,
        seed: int,
        training_free: TrainingFree | None = None,
        on_trial: Callable[[Trial], None] | None = None,
    ) -> MethodResult:
        """Search as `SearchMethod.run`."""
        return self.base.run(
            objective,
            space,
            budget=budget,
            seed=seed,
            training_free=training_free,
            on_trial=on_trial,
            first=self.first,
        )
