"""Optuna's tree-structured Parzen estimator on all hyperparameters."""

from dataclasses import dataclass
from typing import ClassVar

from surrogate_hpo.contest.methods.ask_tell import AskTell, default_tpe_sampler, tpe_sampler
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
        return _study(recorder, sampler, budget.trials)


# What the pinned Optuna does if it is told nothing but a seed.
OPTUNA_STARTUP_TRIALS = 10


PARALLEL_TRIALS = 4


class _DefaultStudy(SearchMethod):
    together: ClassVar[int]

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """One more than those at random."""
        return OPTUNA_STARTUP_TRIALS + 1

    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        sampler = AskTell(space, default_tpe_sampler(derive_seed(seed, self.name)))
        return _study(recorder, sampler, budget.trials, self.together)


@dataclass(frozen=True)
class TpeDefault(_DefaultStudy):
    """Optuna's sampler as its users get it: one for the study, with all settings at its defaults.

    Those of Optuna 5.0 are the multivariate form, 10 trials at random, 24 candidates for each
    trial, and the constant liar, which tells nothing as long as no trial waits for its value.

    Attributes
    ----------
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    together
        Points that are asked for before the first of them is told.
    """

    name = "tpe_default"
    label = "Optuna (its defaults)"
    together = 1


@dataclass(frozen=True)
class TpeParallel(_DefaultStudy):
    """The same, asked for four points before it is told the values of any of them.

    That is what four workers of a study do that wait for each other. The constant liar counts the
    points that are being trained as bad ones, so that others are proposed.

    Attributes
    ----------
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    together
        Points that are asked for before the first of them is told.
    """

    name = "tpe_parallel"
    label = "Optuna (its defaults, four at a time)"
    together = PARALLEL_TRIALS


def _study(
    recorder: Recorder, sampler: AskTell, trials: int, together: int = 1
) -> tuple[Trial, str]:
    """Train as the sampler asks; it is told what has been trained before it begins."""
    for trial in recorder.trials:
        sampler.add(trial.hyperparameters, _value(trial))
    train_asked(recorder, sampler, trials, {}, together)
    best = recorder.best()
    return best, describe_best(best, trials)


def train_asked(
    recorder: Recorder, sampler: AskTell, trials: int, fixed: Hyperparameters, together: int = 1
) -> None:
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
    together
        Points that are asked for before the first of them is told.
    """
    for done in range(0, trials, together):
        points = [sampler.ask() for _ in range(min(together, trials - done))]
        for point in points:
            sampler.tell(_value(recorder.train({**fixed, **point})))


def _value(trial: Trial) -> float | None:
    return trial.evaluation.value if trial.evaluation.usable else None
