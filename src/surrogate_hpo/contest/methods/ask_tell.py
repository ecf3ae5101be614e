"""Optuna's samplers one point at a time, with nothing kept between two of them but the trials."""

from collections.abc import Callable

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import Trial, TrialState

from surrogate_hpo.search.space import SearchSpace, Value
from surrogate_hpo.seeds import derive_seed


class AskTell:
    """A study in memory.

    Parameters
    ----------
    space
        Hyperparameters by name.
    sampler
        Makes the sampler of the trial of some number. A fresh one for each makes the point
        depend on the seed, the number and the values before, and on nothing else.
    """

    def __init__(self, space: SearchSpace, sampler: Callable[[int], BaseSampler]) -> None:
        self._distributions = {key: dimension.distribution() for key, dimension in space.items()}
        self._sampler = sampler
        self._study = _quiet_study()
        self._trial: Trial | None = None
        self._number = 0

    def ask(self) -> dict[str, Value]:
        """Return the next point, in the order of the space."""
        self._study.sampler = self._sampler(self._number)
        self._trial = self._study.ask(self._distributions)
        self._number += 1
        return {key: self._trial.params[key] for key in self._distributions}

    def tell(self, value: float | None) -> None:
        """Report the value of the point asked last; none if it was pruned or has failed.

        Optuna calls both pruned: its own state for failures is unknown to the samplers, which
        would come back to the place again and again.
        """
        if self._trial is None:
            raise RuntimeError("tell before ask")
        if value is None:
            self._study.tell(self._trial, state=TrialState.PRUNED)
        else:
            self._study.tell(self._trial, value)
        self._trial = None


def tpe_sampler(seed: int, startup_trials: int) -> Callable[[int], BaseSampler]:
    """Make the samplers of a TPE study, one for each trial.

    Parameters
    ----------
    seed
        Seed of the study.
    startup_trials
        Trials at random before the model takes over.

    Returns
    -------
    Callable
        Takes the number of the trial.
    """

    def make(number: int) -> BaseSampler:
        return TPESampler(
            seed=derive_seed(seed, number) % 2**32,
            n_startup_trials=startup_trials,
            multivariate=True,
            constant_liar=False,
        )

    return make


def _quiet_study() -> optuna.Study:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="minimize")
    finally:
        optuna.logging.set_verbosity(before)
