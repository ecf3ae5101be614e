"""Search spaces of the optimisation hyperparameters, and what a study returns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from surrogate_hpo.errors import ConfigError

Value = float | int | str | bool
RowState = Literal["complete", "pruned", "failed"]


@dataclass(frozen=True)
class Interval:
    """Real numbers between two bounds.

    Attributes
    ----------
    low
        Smallest value.
    high
        Largest value.
    logarithmic
        Search the logarithm, as for learning rates.

    Raises
    ------
    ConfigError
        Bounds out of order, not finite, or not positive on a logarithmic scale.
    """

    low: float
    high: float
    logarithmic: bool = False

    def __post_init__(self) -> None:
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not finite or self.low >= self.high or (self.logarithmic and self.low <= 0):
            raise ConfigError(
                "An interval of the search space makes no sense.",
                expected="low < high, both positive on a logarithmic scale",
                got=f"low = {self.low}, high = {self.high}, logarithmic = {self.logarithmic}",
            )

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def clipped(self, value: float) -> float:
        """The value, or the bound that is nearest to it."""
        return min(max(value, self.low), self.high)

    def distribution(self) -> BaseDistribution:
        """Return Optuna's form of this interval."""
        return FloatDistribution(self.low, self.high, log=self.logarithmic)


@dataclass(frozen=True)
class Choices:
    """A list of values without an order.

    Attributes
    ----------
    options
        The values; at least one, all different.

    Raises
    ------
    ConfigError
        No options, or one of them twice.
    """

    options: tuple[Value, ...]

    def __post_init__(self) -> None:
        if not self.options or len(set(self.options)) < len(self.options):
            raise ConfigError(
                "The choices of the search space make no sense.",
                expected="one option or more, all different",
                got=repr(self.options),
            )

    def __contains__(self, value: object) -> bool:
        return value in self.options

    def distribution(self) -> BaseDistribution:
        """Return Optuna's form of these choices."""
        return CategoricalDistribution(self.options)


SearchSpace = Mapping[str, Interval | Choices]


@dataclass(frozen=True)
class TrialRow:
    """One trial of a study.

    Attributes
    ----------
    number
        Number of the trial, from 0; trials that an interruption cut off are not counted.
    state
        ``complete``, ``pruned`` or ``failed``.
    value
        What the objective returned; of a pruned trial the last intermediate value; NaN if it
        failed.
    hyperparameters
        The hyperparameters tried.
    reason
        Why the trial failed, else empty.
    seconds
        Wall time of the trial; left out when rows are compared.
    """

    number: int
    state: RowState
    value: float
    hyperparameters: dict[str, Any]
    reason: str
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class StudyResult:
    """All trials of a study and the best one.

    Attributes
    ----------
    trials
        The trials in order.
    best
        The complete trial of the lowest value, the first of equals.
    """

    trials: tuple[TrialRow, ...]
    best: TrialRow
