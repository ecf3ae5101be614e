"""What all search methods share: the objective, the budget, the trials and the result.

A method is deterministic: the next point follows from the seed and the values of the points
before. So a killed search is simply started again, with an objective that remembers
its evaluations (:mod:`surrogate_hpo.contest.memo`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from surrogate_hpo.search.options import MethodName
from surrogate_hpo.search.space import RowState, SearchSpace, Value

Hyperparameters = Mapping[str, Value]


@dataclass(frozen=True)
class Evaluation:
    """What became of one point of the search space.

    Attributes
    ----------
    value
        Mean over initialisations of what is minimised; NaN if it failed.
    values
        Of each initialisation.
    seconds
        Compute spent on it: CPU seconds, or GPU seconds where it ran on one.
    trainings
        The same in units of full trainings: initialisations times share of the epochs.
    state
        ``complete``, ``pruned`` or ``failed``.
    reason
        Why it failed, else empty.
    """

    value: float
    values: tuple[float, ...]
    seconds: float
    trainings: float
    state: RowState = "complete"
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether the value may win."""
        return self.state == "complete" and math.isfinite(self.value)


class Objective(Protocol):
    """Trains networks with some hyperparameters; deterministic."""

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """Evaluate one point; `fidelity` is the share of a full training's epochs, 0…1."""


class TrainingFree(Protocol):
    """Scores the architecture of some hyperparameters without training; smaller is better."""

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Score one point; `seconds` is the cost of the score, `trainings` is zero."""


@dataclass(frozen=True)
class Budget:
    """How much a method may spend.

    Attributes
    ----------
    trials
        Full evaluations, each of `initialisations` trainings.
    initialisations
        Random initialisations that every trial averages over.
    """

    trials: int
    initialisations: int


@dataclass(frozen=True)
class Trial:
    """One evaluation of a search, in the order in which it was made.

    Attributes
    ----------
    number
        From 0.
    kind
        ``training``, or ``score`` for a training-free one.
    hyperparameters
        The point.
    fidelity
        Share of a full training's epochs.
    evaluation
        What became of it.
    """

    number: int
    kind: Literal["training", "score"]
    hyperparameters: dict[str, Value]
    fidelity: float
    evaluation: Evaluation


@dataclass(frozen=True)
class MethodResult:
    """All trials of a search and the point it recommends.

    Attributes
    ----------
    method
        Which method.
    trials
        In order.
    best
        Hyperparameters to train finally.
    reason
        Why these, in a sentence.
    """

    method: MethodName
    trials: tuple[Trial, ...]
    best: dict[str, Value]
    reason: str

    @property
    def seconds(self) -> float:
        """Compute of the whole search."""
        return sum(trial.evaluation.seconds for trial in self.trials)

    @property
    def trainings(self) -> float:
        """The same in units of full trainings."""
        return sum(trial.evaluation.trainings for trial in self.trials)


class Method(Protocol):
    """A way to search."""

    @property
    def name(self) -> MethodName:
        """Name in configs and tables."""

    @property
    def label(self) -> str:
        """Name in figures and texts."""

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """Raise ConfigError, before anything runs, if it cannot search this space."""

    def run(
        self,
        objective: Objective,
        space: SearchSpace,
        *,
        budget: Budget,
        seed: int,
        training_free: TrainingFree | None = None,
        on_trial: Callable[[Trial], None] | None = None,
    ) -> MethodResult:
        """Search for the smallest value.

        ConfigError as `check`, or if a training-free score is needed and absent; PhysicsError
        if no trial was usable.
        """
