"""Optuna's samplers point by point, with nothing kept between two of them but the trials."""

from collections import deque
from collections.abc import Callable

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from surrogate_hpo.contest.methods.interface import Hyperparameters
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
        self._open: deque[Trial] = deque()
        self._number = 0

    def ask(self) -> dict[str, Value]:
        """Return the next point, in the order of the space; several may be asked for in a row."""
        self._study.sampler = self._sampler(self._number)
        trial = self._study.ask(self._distributions)
        self._open.append(trial)
        self._number += 1
        params = trial.params
        return {key: params[key] for key in self._distributions}

    def tell(self, value: float | None) -> None:
        """Report the value of the point asked first of those without one.

        None means that it was pruned or has failed. Optuna calls both pruned: its own state for
        failures is unknown to the samplers, which would come back to the place again and again.
        """
        if not self._open:
            raise RuntimeError("tell before ask")
        trial = self._open.popleft()
        if value is None:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, value)

    def add(self, point: Hyperparameters, value: float | None) -> None:
        """Report a point of the space that was not asked for, and its value as in `tell`."""
        params = {key: point[key] for key in self._distributions}
        self._study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions=self._distributions,
                value=value,
                state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
            )
        )


class _OneSpaceTpe(TPESampler):
    """A sampler of a study whose trials all have the same hyperparameters.

    Optuna finds that out before every trial, from all trials if the sampler is a new one, which
    takes up to half of its time. The points are the same.
    """

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the hyperparameters of the first trial by their names, as Optuna does."""
        before = study.get_trials(deepcopy=False)[0]
        if before.number == trial.number:
            return {}
        found = sorted(before.distributions.items())
        return {key: one for key, one in found if not one.single()}


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
        return _OneSpaceTpe(
            seed=derive_seed(seed, number) % 2**32,
            n_startup_trials=startup_trials,
            multivariate=True,
            constant_liar=False,
        )

    return make


def default_tpe_sampler(seed: int) -> Callable[[int], BaseSampler]:
    """Make the sampler that Optuna's users get, one for the whole study.

    Parameters
    ----------
    seed
        Seed of the study.

    Returns
    -------
    Callable
        Takes the number of the trial, and always returns the same sampler.
    """
    sampler = _OneSpaceTpe(seed=seed % 2**32)
    return lambda _: sampler


def _quiet_study() -> optuna.Study:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return optuna.create_study(direction="minimize")
    finally:
        optuna.logging.set_verbosity(before)
