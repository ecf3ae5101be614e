"""What a table of trained networks answers to a search: trainings and training-free scores.

Every point that a method asks for is answered by the configuration of the table that is nearest to
it (:mod:`surrogate_hpo.contest.nearest`). So methods of continuous spaces are *snapped*: they see a
step function, and a point near a configuration that was asked for before is answered, and charged,
as another training of it. Cost is what the table says that the answer took.
"""

import math
from copy import copy
from typing import Literal, Self

import numpy as np

from surrogate_hpo.contest.methods.interface import Evaluation, Hyperparameters
from surrogate_hpo.contest.nearest import NearestConfiguration
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.architectures.options import Direction
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.trained_table import TrainedRow, TrainedTable

SeenError = Literal["validation_loss", "total_free_energy"]
_DIVERGED = "a training of the table diverged"
_UNMEASURED = "a training of the table has no such error"


def error_after(row: TrainedRow, length: int, error: SeenError) -> float:
    """Error of one seed after a training of one of the table's lengths.

    Parameters
    ----------
    row
        The seed.
    length
        Number of the length.
    error
        Which error.

    Returns
    -------
    float
        NaN where it was not measured, +inf where the training diverged.
    """
    if error == "validation_loss" or not math.isfinite(row.losses[length]):
        return row.losses[length]
    return row.free_energies[length]


def errors_of(table: TrainedTable, error: SeenError) -> list[float]:
    """Error of each configuration after whole trainings; +inf if a seed diverged or has none."""
    return table.losses if error == "validation_loss" else table.free_energies


class TableObjective:
    """Answers what an objective of a contest answers, from the table.

    Parameters
    ----------
    table
        The table.
    error
        What the searches see. The free energy is seen after each length after which the table has
        it for any configuration, and after the others the validation loss: methods compare short
        trainings of one length only.

    Raises
    ------
    DataError
        The table has no free energy after whole trainings.
    """

    def __init__(self, table: TrainedTable, error: SeenError = "validation_loss") -> None:
        self.table = table
        self.nearest = NearestConfiguration(
            table.space, [one.hyperparameters for one in table.configurations]
        )
        self._first_seed = 0
        self._known: dict[tuple[int, ...], Evaluation] = {}
        self._seen = [self._seen_after(length, error) for length in range(len(table.epochs))]
        if self._seen[-1] != error:
            raise DataError(
                "The table cannot answer with the free energy.",
                expected="errors of the total free energy after whole trainings",
                got="none",
                remedy="make the table with table.energies: true, or replay on the validation loss",
            )

    def starting_at(self, seed: int) -> Self:
        """Count another seed of the table as initialisation 0; the next ones follow, cyclically.

        It is the same for all points of a replay, and another for another replay.

        Parameters
        ----------
        seed
            Any number; its remainder counts.

        Returns
        -------
        TableObjective
            With the same memory.
        """
        other = copy(self)
        other._first_seed = seed % self.table.seeds
        return other

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """Look up the nearest configuration, trained for the nearest of the table's lengths.

        Parameters
        ----------
        hyperparameters
            The point.
        initialisations
            Seeds averaged over; at most those of the table.
        fidelity
            Share of a whole training; the length whose logarithm is nearest counts.

        Returns
        -------
        Evaluation
            Failed if a training diverged or its energy is not known, at the cost of all.

        Raises
        ------
        ConfigError
            More initialisations than the table has seeds.
        """
        if initialisations > self.table.seeds:
            raise ConfigError(
                "The table has not been trained so often.",
                expected=f"at most {self.table.seeds} initialisations, the seeds of the table",
                got=str(initialisations),
            )
        number, length = self.nearest(hyperparameters), self._length(fidelity)
        key = (number, length, initialisations, self._first_seed)
        if key not in self._known:
            self._known[key] = self._evaluation(number, length, initialisations)
        return self._known[key]

    def _evaluation(self, number: int, length: int, initialisations: int) -> Evaluation:
        table = self.table
        rows = table.configurations[number].rows
        used = [rows[(self._first_seed + n) % table.seeds] for n in range(initialisations)]
        values = tuple(error_after(row, length, self._seen[length]) for row in used)
        failed = not all(map(math.isfinite, values))
        return Evaluation(
            value=math.nan if failed else float(np.mean(values)),
            values=values,
            seconds=sum(row.seconds[length] for row in used),
            trainings=initialisations * table.epochs[length] / table.epochs[-1],
            state="failed" if failed else "complete",
            reason="" if not failed else _DIVERGED if math.inf in values else _UNMEASURED,
        )

    def _length(self, fidelity: float) -> int:
        epochs = self.table.epochs
        wanted = fidelity * epochs[-1]
        return min(range(len(epochs)), key=lambda n: (abs(math.log(epochs[n] / wanted)), n))

    def _seen_after(self, length: int, error: SeenError) -> SeenError:
        rows = (row for one in self.table.configurations for row in one.rows)
        known = any(math.isfinite(error_after(row, length, error)) for row in rows)
        return error if known else "validation_loss"


class TableScore:
    """Answers what a training-free score of a contest answers, from the table.

    Parameters
    ----------
    table
        The table.
    name
        Which score.
    direction
        Which end of it wins.
    """

    def __init__(self, table: TrainedTable, name: str, direction: Direction) -> None:
        points = [one.hyperparameters for one in table.configurations]
        self._nearest = NearestConfiguration(table.space, points, ARCHITECTURE_KEYS)
        sign = -1 if direction == "maximise" else 1
        self._evaluations = [
            score_evaluation(sign * one.scores[name], one.score_seconds[name])
            for one in table.configurations
        ]

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Look up the nearest architecture; a rejected score is a failed evaluation."""
        return self._evaluations[self._nearest(hyperparameters)]


def score_evaluation(value: float, seconds: float) -> Evaluation:
    """Evaluate as a score that is smaller for better networks, and NaN where it was rejected."""
    failed = not math.isfinite(value)
    return Evaluation(
        value=math.nan if failed else value,
        values=(value,),
        seconds=seconds,
        trainings=0.0,
        state="failed" if failed else "complete",
        reason="rejected by the score" if failed else "",
    )
