"""Optuna's tree-structured Parzen estimator on all hyperparameters."""

from dataclasses import dataclass

from surrogate_hpo.contest.methods.ask_tell import AskTell, tpe_sampler
from surrogate_hpo.contest.methods.base import SearchMethod, describe_best
from surrogate_hpo.contest.methods.interface import Budget, Hyperparameters, Trial
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.search.space import SearchSpace
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class Tpe(SearchMethod):
    """Sample where the ratio of good trials' density to bad trials' density is high.

    Bergstra et al., *Advances in Neural Information Processing Systems* 24 (2011), eq. 2-3;
    the multivariate form of Falkner et al., arXiv:1807.01774.

    Attributes
    ----------
    startup_trials
        Trials at random before the model takes over.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    """

    startup_trials: int = 5
    name = "tpe"
    label = "Optuna (TPE)"

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """One more than those at random: fewer would be a random search of another name."""
        return self.startup_trials + 1

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        sampler = AskTell(space, tpe_sampler(derive_seed(seed, self.name), self.startup_trials))
        train_asked(recorder, sampler, budget.trials, {})
        best = recorder.best()
        return best, describe_best(best, budget.trials)


def train_asked(recorder: Recorder, sampler: AskTell, trials: int, fixed: Hyperparameters) -> None:
    """Train at points that a sampler asks for, and tell it the values.

    Parameters
    ----------
    recorder
        Trains.
    sampler
        Proposes the hyperparameters that are searched.
    trials
        How many.
    fixed
        All other hyperparameters.
    """
    for _ in range(trials):
        trial = recorder.train({**fixed, **sampler.ask()})
        sampler.tell(trial.evaluation.value if trial.evaluation.usable else None)
