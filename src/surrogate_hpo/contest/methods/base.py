"""What every search method does around its own steps: checks, trials, result."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from surrogate_hpo.contest.methods.interface import (
    Budget,
    Hyperparameters,
    MethodResult,
    Objective,
    TrainingFree,
    Trial,
)
from surrogate_hpo.contest.methods.points import architecture_part, training_part
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.options import ARCHITECTURE_KEYS, MethodName
from surrogate_hpo.search.space import Choices, Interval, SearchSpace


class SearchMethod(ABC):
    """A method of the registry; subclasses give `name`, `label`, their needs and `_search`.

    Attributes
    ----------
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    needs_score
        Whether it scores architectures without training.
    needs_training_part
        Whether it searches the hyperparameters of the training by themselves.
    scored_keys
        Hyperparameters that the score tells apart; all others belong to the training.
    """

    name: ClassVar[MethodName]
    label: ClassVar[str]
    needs_score: ClassVar[bool] = False
    needs_training_part: ClassVar[bool] = False
    scored_keys: tuple[str, ...] = ARCHITECTURE_KEYS

    def minimum_trials(self, space: SearchSpace) -> int:  # noqa: ARG002
        """Smallest budget that makes sense in this space, in trials."""
        return 1

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """Raise ConfigError, before anything runs, if it cannot search this space.

        Parameters
        ----------
        space
            Hyperparameters by name.
        budget
            What it may spend.

        Raises
        ------
        ConfigError
            An empty space, real numbers for a network's layers, nothing to score or to tune,
            or a budget below `minimum_trials`.
        """
        _check_space(space)
        self._check_parts(space)
        needed = self.minimum_trials(space)
        if budget.trials < needed or budget.initialisations < 1:
            raise ConfigError(
                f"The budget is too small for {self.label}.",
                where=self.name,
                expected=f"{needed} trials or more of one initialisation or more",
                got=f"{budget.trials} trials of {budget.initialisations} initialisations",
                remedy="Raise the number of trials, list fewer options, or leave the method out.",
            )

    def run(
        self,
        objective: Objective,
        space: SearchSpace,
        *,
        budget: Budget,
        seed: int,
        training_free: TrainingFree | None = None,
        on_trial: Callable[[Trial], None] | None = None,
        first: Sequence[Hyperparameters] = (),
    ) -> MethodResult:
        """Search for the smallest value.

        Parameters
        ----------
        objective
            Trains; deterministic. A `PhysicsError` that it raises fails the trial, any other
            exception ends the search.
        space
            Hyperparameters by name.
        budget
            What the method may spend.
        seed
            The same seed gives the same trials.
        training_free
            Scores architectures without training, for methods that do.
        on_trial
            Called after each trial.
        first
            Points that are trained before the method makes its own trials, of which there are so
            many fewer; a study learns from them.

        Returns
        -------
        MethodResult
            All trials, the failed and pruned ones included, and the point to train finally.

        Raises
        ------
        ConfigError
            As `check`; or a training-free score is needed and absent.
        PhysicsError
            No trial was usable.
        """
        own = Budget(budget.trials - len(first), budget.initialisations)
        self.check(space, own)
        if self.needs_score and training_free is None:
            raise ConfigError(
                f"{self.label} needs a training-free score.",
                where=self.name,
                expected="a score of architectures",
                got="none",
                remedy="Choose a score, or leave the method out.",
            )
        recorder = Recorder(
            objective, training_free, initialisations=budget.initialisations, on_trial=on_trial
        )
        for point in first:
            recorder.train(point)
        best, reason = self._search(recorder, space, own, seed)
        return MethodResult(self.name, tuple(recorder.trials), dict(best.hyperparameters), reason)

    @abstractmethod
    def _search(
        self, recorder: Recorder, space: SearchSpace, budget: Budget, seed: int
    ) -> tuple[Trial, str]:
        """Make the trials; return the best and why it is the one to train finally."""

    def _check_parts(self, space: SearchSpace) -> None:
        missing = ""
        keys = self.scored_keys
        if self.needs_score and not architecture_part(space, keys):
            missing = f"a list of one of {', '.join(keys)}: the score compares those"
        elif self.needs_training_part and not training_part(space, keys):
            missing = "hyperparameters of the training besides those of the network"
        if missing:
            raise ConfigError(
                f"{self.label} has nothing to search in this space.",
                where=self.name,
                expected=missing,
                got=", ".join(space),
                remedy="Add such hyperparameters, or leave the method out.",
            )


def describe_best(trial: Trial, count: int) -> str:
    """Say that a trial had the lowest value of its kind."""
    return (
        f"lowest value, {trial.evaluation.value:.6g}, of {count} trainings (trial {trial.number})"
    )


def _check_space(space: SearchSpace) -> None:
    if not space:
        raise ConfigError(
            "The search space is empty.",
            expected="one hyperparameter or more",
            got="none",
            remedy="List the hyperparameters to search, with their options or ranges.",
        )
    for key, dimension in space.items():
        if key in ARCHITECTURE_KEYS and isinstance(dimension, Interval):
            raise ConfigError(
                "A network cannot be made from any real number.",
                where=key,
                expected="a list of options",
                got=f"the interval {dimension.low}…{dimension.high}",
                remedy=f"List the options of {key}.",
            )
        if isinstance(dimension, Choices) and any(map(_not_finite, dimension.options)):
            raise ConfigError(
                "An option of the search space is not a finite number.",
                where=key,
                got=repr(dimension.options),
            )


def _not_finite(option: object) -> bool:
    return isinstance(option, float) and not math.isfinite(option)
