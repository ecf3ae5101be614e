"""A table of trained networks: what every configuration reached, and what that cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from surrogate_hpo.errors import DataError
from surrogate_hpo.search.space import Choices, Interval, SearchSpace, Value


@dataclass(frozen=True)
class TrainedRow:
    """One seed of one configuration.

    Attributes
    ----------
    losses
        Validation loss after a training of each length; +inf if it diverged.
    seconds
        What each training took.
    free_energies
        Mean absolute error of the total free energy after a training of each length, meV/atom; NaN
        where there is none.
    """

    losses: tuple[float, ...]
    seconds: tuple[float, ...]
    free_energies: tuple[float, ...]


@dataclass(frozen=True)
class Configuration:
    """One point of the space.

    Attributes
    ----------
    hyperparameters
        Of network and training.
    rows
        One per seed.
    scores
        Training-free scores by name; NaN where a score was rejected.
    score_seconds
        What each score took.
    """

    hyperparameters: dict[str, Value]
    rows: tuple[TrainedRow, ...]
    scores: Mapping[str, float]
    score_seconds: Mapping[str, float]

    @property
    def loss(self) -> float:
        """Mean validation loss over the seeds after whole trainings; +inf if one diverged."""
        return sum(row.losses[-1] for row in self.rows) / len(self.rows)

    @property
    def free_energy(self) -> float:
        """Mean error of the total free energy over the seeds after whole trainings, meV/atom.

        NaN if one of them has none.
        """
        return sum(row.free_energies[-1] for row in self.rows) / len(self.rows)


@dataclass(frozen=True)
class TrainedTable:
    """Configurations of one space, trained on one data set.

    Attributes
    ----------
    space
        Hyperparameters with their ranges and options.
    epochs
        Lengths of the trainings, rising; the last is a whole one.
    configurations
        In the order of their numbers.

    Raises
    ------
    DataError
        No configuration has converged in all of its trainings.
    """

    space: SearchSpace
    epochs: tuple[int, ...]
    configurations: tuple[Configuration, ...]

    def __post_init__(self) -> None:
        if not any(math.isfinite(one.loss) for one in self.configurations):
            raise DataError(
                "No configuration of the table has converged.",
                expected="one or more whose whole trainings all have a finite loss",
                got=f"{len(self.configurations)} configurations that diverged",
                remedy="lower table.learning_rate",
            )

    @property
    def seeds(self) -> int:
        """Trainings of each configuration."""
        return len(self.configurations[0].rows)

    @cached_property
    def losses(self) -> list[float]:
        """Loss of each configuration; +inf if one of its seeds diverged."""
        return [one.loss for one in self.configurations]

    @cached_property
    def free_energies(self) -> list[float]:
        """Error of the free energy of each configuration, meV/atom; +inf where there is none."""
        found = [one.free_energy for one in self.configurations]
        return [value if math.isfinite(value) else math.inf for value in found]


def space_document(space: SearchSpace) -> dict[str, Any]:
    """Describe a space as JSON holds it: a list of options, or an interval with its scale."""
    return {
        key: list(one.options)
        if isinstance(one, Choices)
        else {"low": one.low, "high": one.high, "logarithmic": one.logarithmic}
        for key, one in space.items()
    }


def space_of(document: Mapping[str, Any]) -> dict[str, Interval | Choices]:
    """Read what `space_document` has written.

    Parameters
    ----------
    document
        Lists and intervals by hyperparameter.

    Returns
    -------
    dict
        The space.
    """
    return {
        key: Choices(tuple(one)) if isinstance(one, list) else Interval(**one)
        for key, one in document.items()
    }
