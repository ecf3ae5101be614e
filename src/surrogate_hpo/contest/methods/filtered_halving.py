"""A training-free score filters random points; short trainings choose among those that are left."""

import math
from dataclasses import dataclass

import numpy as np

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.hyperband import ROUNDING, bracket, cost, halve
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import architecture_part, default_point, random_point
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.search.space import SearchSpace, Value
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class FilteredHalving(SearchMethod):
    """Score many networks, halve the best-scored successively, round after round.

    As ATLAS (arXiv:2403.10318), which filters by a score without training and then trains the
    survivors with successive halving. Each round draws points at random, scores their networks,
    and takes the best of them through the first bracket of Hyperband; rounds are made while their
    trainings stay within the budget.

    Attributes
    ----------
    surplus
        Points that are drawn for each one that is trained.
    eta
        Of so many points one is promoted, to trainings as many times longer.
    halvings
        The shortest training is eta^−halvings of a full one.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        Whether it asks for a training-free score.
    """

    surplus: int = 5
    eta: int = 3
    halvings: int = 2
    name = "filtered_halving"
    label = "filter, then halving"
    needs_score = True

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """One round."""
        first = bracket(self.halvings, halvings=self.halvings, eta=self.eta)
        return math.ceil(cost(first) - ROUNDING)

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        rungs = bracket(self.halvings, halvings=self.halvings, eta=self.eta)
        rounds = int((budget.trials + ROUNDING) // cost(rungs))
        for number in range(rounds):
            rng = np.random.default_rng(derive_seed(seed, self.name, number))
            points = self._best_first(recorder, space, rng, self.surplus * rungs[0].points)
            halve(recorder, points[: rungs[0].points], rungs)
        best = recorder.best()
        return best, (
            f"lowest value, {best.evaluation.value:.6g}, of the trainings at fidelity "
            f"{best.fidelity:.3g} in {rounds} rounds (trial {best.number})"
        )

    def _best_first(
        self, recorder: Recorder, space: SearchSpace, rng: np.random.Generator, count: int
    ) -> list[dict[str, Value]]:
        """Random points by the score of their networks, without those that it rejects.

        The score sees the network alone: of two points with the same one the second costs nothing.
        """
        network, default = architecture_part(space), default_point(space)
        scored = []
        for _ in range(count):
            point = random_point(space, rng)
            found = recorder.score(default | {key: point[key] for key in network}).evaluation
            if found.usable:
                scored.append((found.value, point))
        return [point for _, point in sorted(scored, key=lambda pair: pair[0])]
