"""Hyperband: many short trainings, of which the best are trained longer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Budget, Hyperparameters, Trial
from surrogate_hpo.contest.methods.points import random_point
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed

# Fidelities such as 1/3 are rounded; their sums are compared with whole trainings.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Rung:
    """Trainings of one length.

    Attributes
    ----------
    points
        How many.
    fidelity
        Share of a full training's epochs.
    """

    points: int
    fidelity: float


@dataclass(frozen=True)
class Hyperband(SearchMethod):
    """Brackets of successive halving, from many short trainings to few full ones.

    Li et al., *J. Mach. Learn. Res.* 18, 1 (2018), algorithm 1. The budget's trials are full
    trainings: brackets are run, round after round, while the sum of the fidelities stays
    within. A training that is promoted starts anew and its cost counts in full.

    Attributes
    ----------
    eta
        Of so many points one is promoted, to trainings as many times longer.
    halvings
        s_max: the shortest training is eta^−s_max of a full one.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    """

    eta: int = 3
    halvings: int = 2
    name = "hyperband"
    label = "Hyperband"

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """The first bracket."""
        first = bracket(self.halvings, halvings=self.halvings, eta=self.eta)
        return math.ceil(cost(first) - ROUNDING)

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As `SearchMethod.check`, and eta of 2 or more."""
        if self.eta < 2 or self.halvings < 0:
            raise ConfigError(
                "The settings of Hyperband make no sense.",
                where=self.name,
                expected="eta of 2 or more, no negative number of halvings",
                got=f"eta {self.eta}, halvings {self.halvings}",
            )
        super().check(space, budget)

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        spent, brackets = 0.0, 0
        while True:
            number = self.halvings - brackets % (self.halvings + 1)
            rungs = bracket(number, halvings=self.halvings, eta=self.eta)
            spent += cost(rungs)
            if spent > budget.trials + ROUNDING:
                break
            rng = np.random.default_rng(derive_seed(seed, self.name, brackets))
            halve(recorder, [random_point(space, rng) for _ in range(rungs[0].points)], rungs)
            brackets += 1
        best = recorder.best()
        return best, (
            f"lowest value, {best.evaluation.value:.6g}, of the trainings at fidelity "
            f"{best.fidelity:.3g} in {brackets} brackets (trial {best.number})"
        )


def halve(recorder: Recorder, points: Sequence[Hyperparameters], rungs: Sequence[Rung]) -> None:
    """Train points of one bracket, longer and longer, the better part of them each time.

    Parameters
    ----------
    recorder
        Trains.
    points
        Those of the first rung.
    rungs
        From the shortest training to the full one.
    """
    for rung in rungs:
        # Fewer than planned, if too few of the rung before were usable.
        trials = [recorder.train(point, rung.fidelity) for point in points[: rung.points]]
        usable = [trial for trial in trials if trial.evaluation.usable]
        usable.sort(key=lambda trial: trial.evaluation.value)
        points = [trial.hyperparameters for trial in usable]


def bracket(number: int, *, halvings: int, eta: int) -> list[Rung]:
    """Plan bracket s of Hyperband.

    n = ⌈(s_max + 1) η^s / (s + 1)⌉ points at fidelity η^−s; rung i has ⌊n η^−i⌋ points at
    fidelity η^(i−s), up to full trainings.

    Parameters
    ----------
    number
        s, from s_max (many short trainings) to 0 (only full ones).
    halvings
        s_max.
    eta
        η.

    Returns
    -------
    list
        Rungs from the shortest training to the full one.
    """
    points = -(-(halvings + 1) * eta**number // (number + 1))
    return [Rung(points // eta**rung, 1 / eta ** (number - rung)) for rung in range(number + 1)]


def cost(rungs: Sequence[Rung]) -> float:
    """What a bracket costs, in full trainings."""
    return sum(rung.points * rung.fidelity for rung in rungs)
