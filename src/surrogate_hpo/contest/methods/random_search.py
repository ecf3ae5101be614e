"""Random search: the control that every other method must beat."""

from dataclasses import dataclass

import numpy as np

from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import random_point
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class RandomSearch(SearchMethod):
    """Independent points; intervals evenly on their scale, choices with equal chances."""

    name = "random"
    label = "random search"

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        for number in range(budget.trials):
            rng = np.random.default_rng(derive_seed(seed, self.name, number))
            recorder.train(random_point(space, rng))
        best = recorder.best()
        return best, describe_best(best, budget.trials)
