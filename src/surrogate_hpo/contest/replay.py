"""Search methods replayed on a table of trained networks: what each would have found, at no cost.

Every point that a method asks for is answered by the configuration of the table that is nearest to
it (:mod:`surrogate_hpo.contest.nearest`). So methods of continuous spaces are *snapped*: they see a
step function, and a point near a configuration that was asked for before is answered, and charged,
as another training of it. Cost is what the table says that the answer took.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.contest.methods.interface import (
    Budget,
    Evaluation,
    Hyperparameters,
    Method,
    Trial,
)
from surrogate_hpo.contest.nearest import NearestConfiguration
from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.scores.architectures.options import Direction
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.search.trained_table import TrainedTable

Floats = NDArray[np.float64]


@dataclass
class TableObjective:
    """Answers what an objective of a contest answers, from the table.

    Attributes
    ----------
    table
        The table.
    first_seed
        The table's seed that counts as initialisation 0; the next ones follow, cyclically. The
        same for all points of a replay, other for another replay.
    """

    table: TrainedTable
    first_seed: int = 0

    def __post_init__(self) -> None:
        points = [one.hyperparameters for one in self.table.configurations]
        self.nearest = NearestConfiguration(self.table.space, points)

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
            Failed if a training diverged, at the cost of all.

        Raises
        ------
        ConfigError
            More initialisations than the table has seeds.
        """
        table = self.table
        if initialisations > table.seeds:
            raise ConfigError(
                "The table has not been trained so often.",
                expected=f"at most {table.seeds} initialisations, the seeds of the table",
                got=str(initialisations),
            )
        wanted = fidelity * table.epochs[-1]
        length = min(
            range(len(table.epochs)), key=lambda n: (abs(math.log(table.epochs[n] / wanted)), n)
        )
        rows = table.configurations[self.nearest(hyperparameters)].rows
        used = [rows[(self.first_seed + n) % table.seeds] for n in range(initialisations)]
        losses = tuple(row.losses[length] for row in used)
        failed = not all(map(math.isfinite, losses))
        return Evaluation(
            value=math.nan if failed else float(np.mean(losses)),
            values=losses,
            seconds=sum(row.seconds[length] for row in used),
            trainings=initialisations * table.epochs[length] / table.epochs[-1],
            state="failed" if failed else "complete",
            reason="a training of the table diverged" if failed else "",
        )


@dataclass
class TableScore:
    """Answers what a training-free score of a contest answers, from the table.

    Attributes
    ----------
    table
        The table.
    name
        Which score.
    direction
        Which end of it wins.
    """

    table: TrainedTable
    name: str
    direction: Direction

    def __post_init__(self) -> None:
        points = [one.hyperparameters for one in self.table.configurations]
        self._nearest = NearestConfiguration(self.table.space, points, ARCHITECTURE_KEYS)

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Look up the nearest architecture; a rejected score is a failed evaluation."""
        found = self.table.configurations[self._nearest(hyperparameters)]
        sign = -1 if self.direction == "maximise" else 1
        value, seconds = found.scores[self.name], found.score_seconds[self.name]
        failed = not math.isfinite(value)
        return Evaluation(
            value=math.nan if failed else sign * value,
            values=(sign * value,),
            seconds=seconds,
            trainings=0.0,
            state="failed" if failed else "complete",
            reason="rejected by the score" if failed else "",
        )


@dataclass(frozen=True)
class Replay:
    """What one search would have found, and when.

    Attributes
    ----------
    seconds
        Compute after each trial at which what it would recommend changed, rising.
    configurations
        Number of the configuration that it would have recommended from then on.
    total_seconds
        Compute of the whole search.
    failure
        Why it recommends nothing, else empty.
    """

    seconds: tuple[float, ...]
    configurations: tuple[int, ...]
    total_seconds: float
    failure: str = ""


def replay(
    method: Method,
    table: TrainedTable,
    *,
    budget: Budget,
    seed: int,
    score: TableScore | None = None,
    space: SearchSpace | None = None,
) -> Replay:
    """Run a method on a table.

    What a search would recommend before it ends is its usable whole training of the lowest value;
    before its first, nothing. At its end it is what it says itself: if it has never trained that
    for the whole length, as a method that only scores, it is charged one such training.

    Parameters
    ----------
    method
        The method.
    table
        Answers it.
    budget
        Trials and initialisations.
    seed
        Of the method; its remainder is the first seed of the table that is used.
    score
        For methods that need a score.
    space
        What the method may ask for, within the space of the table, which it is by default.

    Returns
    -------
    Replay
        The same for the same seed. A search without a usable trial recommends nothing.

    Raises
    ------
    ConfigError
        The method cannot search the space of the table within the budget.
    """
    objective = TableObjective(table, seed % table.seeds)
    incumbent = _Incumbent(objective.nearest)
    try:
        result = method.run(
            objective,
            table.space if space is None else space,
            budget=budget,
            seed=seed,
            training_free=score,
            on_trial=incumbent.look,
        )
    except PhysicsError as error:
        return replace(incumbent.replay(), failure=str(error).splitlines()[0])
    found = objective.nearest(result.best)
    if not incumbent.has_trained(found):
        whole = objective(result.best, initialisations=budget.initialisations)
        incumbent.spend(whole.seconds)
    incumbent.change(found)
    return incumbent.replay()


class _Incumbent:
    """What a search would recommend while it runs."""

    def __init__(self, nearest: NearestConfiguration) -> None:
        self._nearest = nearest
        self._spent, self._lowest = 0.0, math.inf
        self._trained: set[int] = set()
        self._steps: list[tuple[float, int]] = []

    def spend(self, seconds: float) -> None:
        self._spent += seconds

    def has_trained(self, configuration: int) -> bool:
        return configuration in self._trained

    def look(self, trial: Trial) -> None:
        self.spend(trial.evaluation.seconds)
        if trial.kind == "score" or trial.fidelity < 1.0:
            return
        here = self._nearest(trial.hyperparameters)
        self._trained.add(here)
        if trial.evaluation.usable and trial.evaluation.value < self._lowest:
            self._lowest = trial.evaluation.value
            self.change(here)

    def change(self, configuration: int) -> None:
        if not self._steps or self._steps[-1][1] != configuration:
            self._steps.append((self._spent, configuration))

    def replay(self) -> Replay:
        seconds, found = zip(*self._steps, strict=True) if self._steps else ((), ())
        return Replay(tuple(seconds), tuple(found), self._spent)
