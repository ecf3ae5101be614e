"""The next trial of a study as a function of a fixed list of earlier ones."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, Trial

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import SearchSpace, Value


@dataclass(frozen=True)
class Plan:
    """What decides the numbers of a study, apart from its objective.

    Attributes
    ----------
    space
        Hyperparameters by name.
    seed
        Seed of the sampler.
    workers
        Number N of workers: trial k knows the trials 0…k−N.
    startup_trials
        Trials drawn at random before the sampler models the objective.
    prune
        Stop trials whose intermediate values are above the median of the earlier ones.
    first
        Values of the first trials, in their order.

    Raises
    ------
    ConfigError
        Settings that make no sense.
    """

    space: SearchSpace
    seed: int
    workers: int
    startup_trials: int
    prune: bool
    first: Sequence[Mapping[str, Value]]

    def __post_init__(self) -> None:
        if not self.space or self.startup_trials < 1 or self.workers < 1:
            raise ConfigError(
                "The settings of the search make no sense.",
                expected="one hyperparameter, one startup trial and one worker or more",
                got=f"{len(self.space)} hyperparameters, {self.startup_trials} startup trials, "
                f"{self.workers} workers",
            )
        space = self.space
        for first in self.first:
            if set(first) != set(space) or any(first[key] not in space[key] for key in space):
                raise ConfigError(
                    "A first trial lies outside the search space.",
                    expected=", ".join(f"{key} in {dimension}" for key, dimension in space.items()),
                    got=repr(dict(first)),
                )

    def definition(self) -> str:
        """Return the plan as text, equal for equal plans."""
        return json.dumps(
            {
                "space": {key: str(dimension) for key, dimension in self.space.items()},
                "seed": self.seed,
                "first": [dict(one) for one in self.first],
                "startup_trials": self.startup_trials,
                "prune": self.prune,
                "workers": self.workers,
            },
            sort_keys=True,
        )

    def known_trials(self, number: int) -> int:
        """How many of the first trials a trial knows, and must therefore wait for.

        While these are fewer than the startup trials they decide nothing, neither what is
        sampled nor what is pruned: none of them is needed.
        """
        known = number - self.workers + 1
        return known if known >= self.startup_trials else 0


def propose(plan: Plan, number: int, earlier: Sequence[FrozenTrial]) -> Trial:
    """Sample a trial in a study of its own, which holds the earlier trials and no others.

    Parameters
    ----------
    plan
        Of the study.
    number
        Number of the trial; with the seed it decides what is drawn.
    earlier
        The trials that it knows, all ended.

    Returns
    -------
    optuna.trial.Trial
        Its parameters are set; it can be told intermediate values and asked whether to stop.
    """
    study = optuna.create_study(
        storage=InMemoryStorage(),
        direction="minimize",
        sampler=_sampler(plan, number),
        pruner=_pruner(plan),
    )
    study.add_trials(earlier)
    if number < len(plan.first):
        study.enqueue_trial(dict(plan.first[number]))
    return study.ask({key: dimension.distribution() for key, dimension in plan.space.items()})


def _sampler(plan: Plan, number: int) -> optuna.samplers.TPESampler:
    words = np.random.SeedSequence([plan.seed, number]).generate_state(1)
    return optuna.samplers.TPESampler(
        seed=int(words[0]), n_startup_trials=plan.startup_trials, multivariate=True
    )


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    if not plan.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=plan.startup_trials, n_warmup_steps=1)
