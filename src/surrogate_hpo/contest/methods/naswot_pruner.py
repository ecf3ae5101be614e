"""TPE whose candidates are scored before training, and dropped if the score is bad."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surrogate_hpo.contest.methods.ask_tell import AskTell, tpe_sampler
from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import SearchSpace, Value
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class NaswotPruner(SearchMethod):
    """Train a candidate only if its score is like those of the better networks so far.

    The idea is of Fiedler et al., *Mach. Learn.: Sci. Technol.* 3, 045008 (2022), who leave
    the threshold open. Here it is estimated anew before every candidate, see
    `pruning_threshold`.

    Attributes
    ----------
    startup_trials
        Trainings before anything is pruned, and before the model of TPE takes over.
    quantile
        Share of the better half's scores that lie below the threshold.
    patience
        After so many pruned candidates in a row the next is trained whatever its score: a
        misleading score delays the search, but cannot stop it.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        It scores architectures without training.
    """

    startup_trials: int = 5
    quantile: float = 0.75
    patience: int = 10
    name = "naswot_pruner"
    label = "Optuna with NASWOT pruner"
    needs_score = True

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """One more than those of the start: fewer would not be pruned."""
        return self.startup_trials + 1

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As `SearchMethod.check`, and a quantile between 0 and 1."""
        if not 0 <= self.quantile <= 1 or self.patience < 1:
            raise ConfigError(
                "The settings of the pruner make no sense.",
                where=self.name,
                expected="a quantile of 0…1 and a patience of 1 or more",
                got=f"quantile {self.quantile}, patience {self.patience}",
            )
        super().check(space, budget)

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        sampler = AskTell(space, tpe_sampler(derive_seed(seed, self.name), self.startup_trials))
        scores: list[float] = []
        values: list[float] = []
        for _ in range(budget.trials):
            threshold = self._threshold(scores, values)
            point, score = self._candidate(recorder, sampler, threshold)
            trial = recorder.train(point)
            usable = trial.evaluation.usable
            sampler.tell(trial.evaluation.value if usable else None)
            if usable and math.isfinite(score):
                scores.append(score)
                values.append(trial.evaluation.value)
        scored = sum(trial.kind == "score" for trial in recorder.trials)
        best = recorder.best()
        return best, f"{describe_best(best, budget.trials)}, of {scored} candidates scored"

    def _threshold(self, scores: Sequence[float], values: Sequence[float]) -> float:
        if len(values) < self.startup_trials:
            return math.inf
        return pruning_threshold(scores, values, quantile=self.quantile)

    def _candidate(
        self, recorder: Recorder, sampler: AskTell, threshold: float
    ) -> tuple[dict[str, Value], float]:
        """Ask until a candidate passes; return it with its score."""
        for _ in range(self.patience):
            point = sampler.ask()
            score = recorder.score(point, threshold).evaluation
            if score.usable:
                return point, score.value
            sampler.tell(None)
        point = sampler.ask()
        score = recorder.score(point).evaluation
        return point, score.value if score.usable else math.nan


def pruning_threshold(
    scores: Sequence[float], values: Sequence[float], *, quantile: float
) -> float:
    """Estimate from preceding trials above which score a candidate is not worth a training.

    Parameters
    ----------
    scores
        Training-free scores of the networks trained so far, smaller is better.
    values
        Their values, smaller is better.
    quantile
        Which quantile of the scores of the better half.

    Returns
    -------
    float
        That quantile, linearly interpolated, over the networks whose value is not above the
        median. If the score says nothing about the value, the better half's scores are
        like all others, and a share of 1 − quantile is pruned for nothing.
    """
    good = np.asarray(values) <= np.median(values)
    return float(np.quantile(np.asarray(scores)[good], quantile))
