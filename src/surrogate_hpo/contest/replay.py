"""Search methods replayed on a table of trained networks: what each would have found, at no cost.

:mod:`surrogate_hpo.contest.table_answers` says how the table answers.
"""

import math
from dataclasses import dataclass, replace

from surrogate_hpo.contest.methods.interface import (
    Budget,
    Method,
    TrainingFree,
    Trial,
)
from surrogate_hpo.contest.nearest import NearestConfiguration
from surrogate_hpo.contest.parallel import batch_ends, batches
from surrogate_hpo.contest.table_answers import TableObjective
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.search.space import SearchSpace

# Trials that the studies of the methods, as they are in the registry, draw at random.
_STARTUP_TRIALS = 5


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
    wall_seconds
        As `seconds`, but of the wall time on `workers` parallel tasks, idle ones included.
    total_wall_seconds
        As `total_seconds`, of the wall time.
    """

    seconds: tuple[float, ...]
    configurations: tuple[int, ...]
    total_seconds: float
    failure: str = ""
    wall_seconds: tuple[float, ...] = ()
    total_wall_seconds: float = math.nan


def replay(
    method: Method,
    objective: TableObjective,
    *,
    budget: Budget,
    seed: int,
    score: TrainingFree | None = None,
    space: SearchSpace | None = None,
    workers: int = 4,
) -> Replay:
    """Run a method on a table.

    What a search would recommend before it ends is its usable whole training of the lowest value;
    before its first, nothing. At its end it is what it says itself: if it has never trained that
    for the whole length, as a method that only scores, it is charged one such training.

    Parameters
    ----------
    method
        The method.
    objective
        Answers from the table.
    budget
        Trials and initialisations.
    seed
        Of the method; its remainder is the first seed of the table that is used.
    score
        For methods that need a score.
    space
        What the method may ask for, within the space of the table, which it is by default.
    workers
        Parallel tasks of the wall time. What a batch of trials that do not wait for each other has
        found is known at its end.

    Returns
    -------
    Replay
        The same for the same seed. A search without a usable trial recommends nothing.

    Raises
    ------
    ConfigError
        The method cannot search the space of the table within the budget.
    """
    objective = objective.starting_at(seed)
    incumbent = _Incumbent(objective.nearest)
    try:
        result = method.run(
            objective,
            objective.table.space if space is None else space,
            budget=budget,
            seed=seed,
            training_free=score,
            on_trial=incumbent.look,
        )
    except PhysicsError as error:
        reason = str(error).splitlines()[0]
        return replace(incumbent.replay(method, budget, workers, 0.0), failure=reason)
    found, final = objective.nearest(result.best), 0.0
    if not incumbent.has_trained(found):
        final = objective(result.best, initialisations=budget.initialisations).seconds
    incumbent.change(found, final)
    return incumbent.replay(method, budget, workers, final)


class _Incumbent:
    """What a search would recommend while it runs."""

    def __init__(self, nearest: NearestConfiguration) -> None:
        self._nearest = nearest
        self._spent, self._lowest = 0.0, math.inf
        self._trials: list[Trial] = []
        self._trained: set[int] = set()
        # Compute, number of the trial and configuration.
        self._steps: list[tuple[float, int, int]] = []

    def has_trained(self, configuration: int) -> bool:
        return configuration in self._trained

    def look(self, trial: Trial) -> None:
        self._spent += trial.evaluation.seconds
        self._trials.append(trial)
        if trial.kind == "score" or trial.fidelity < 1.0:
            return
        here = self._nearest(trial.hyperparameters)
        self._trained.add(here)
        if trial.evaluation.usable and trial.evaluation.value < self._lowest:
            self._lowest = trial.evaluation.value
            self.change(here)

    def change(self, configuration: int, more_seconds: float = 0.0) -> None:
        self._spent += more_seconds
        if not self._steps or self._steps[-1][2] != configuration:
            number = len(self._trials) - (0 if more_seconds else 1)
            self._steps.append((self._spent, number, configuration))

    def replay(self, method: Method, budget: Budget, workers: int, final: float) -> Replay:
        trials = self._trials
        parts = [1 if t.kind == "score" else budget.initialisations for t in trials]
        number = batches(method.name, trials, startup_trials=_STARTUP_TRIALS) if trials else []
        seconds = [trial.evaluation.seconds for trial in trials]
        ends = batch_ends(number, seconds, parts, workers=workers)
        # A final training comes last, its initialisations side by side.
        last = ends[-1] if ends else 0.0
        ends.append(last + final / min(workers, budget.initialisations))
        return Replay(
            seconds=tuple(spent for spent, _, _ in self._steps),
            configurations=tuple(found for _, _, found in self._steps),
            total_seconds=self._spent,
            wall_seconds=tuple(ends[number] for _, number, _ in self._steps),
            total_wall_seconds=ends[-1],
        )
