r"""The learning rate as a rule of the network, fitted on tables of other materials.

As muP (Yang et al., arXiv:2203.03466) says how the best rate of a width follows from that of
another, so that it need not be searched. There the exponent is derived for an optimiser and a
parametrisation; here it is fitted. In every table the logarithm of the error is taken to be

.. math:: \ln e = m + x\,(b + \gamma \cdot z) + c\,x^2

with the logarithm of the rate :math:`x`, :math:`z` = (ln width, ln layers, ln batch), and a part m
that the rate does not change: linear and quadratic in z, with a constant for each table, activation
and other option. The best rate is :math:`x^* = -(b + \gamma \cdot z) / 2c`: a power of width,
layers and batch size.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.contest.methods.interface import (
    Budget,
    Evaluation,
    Hyperparameters,
    Method,
    MethodResult,
    Objective,
    TrainingFree,
    Trial,
)
from surrogate_hpo.contest.table_answers import SeenError, errors_of
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.search.options import MethodName
from surrogate_hpo.search.space import Choices, SearchSpace, Value
from surrogate_hpo.search.trained_table import TrainedTable

Floats = NDArray[np.float64]
RATE = "learning_rate"
POWERS = ("width", "layers", "batch_size")
LEVEL = 0.95


@dataclass(frozen=True)
class RateRule:
    r"""Best learning rate, a power law.

    .. math:: \mathrm{rate} = a \prod_k v_k^{p_k}

    Attributes
    ----------
    prefactor
        a.
    exponents
        :math:`p_k` by hyperparameter.
    """

    prefactor: float
    exponents: Mapping[str, float]

    def rate(self, point: Hyperparameters) -> float:
        """Learning rate for the network and the batch size of a point."""
        powers = (power * math.log(float(point[key])) for key, power in self.exponents.items())
        return self.prefactor * math.exp(math.fsum(powers))


def fit_rate_rule(tables: Sequence[TrainedTable], error: SeenError = "validation_loss") -> RateRule:
    """Fit the rule on tables.

    Parameters
    ----------
    tables
        With learning rate, width, layers and batch size in their spaces.
    error
        Whose minimum counts. Configurations that diverged are left out: how much worse they are
        is no number, and those that nearly did tell on which side the error rises.

    Returns
    -------
    RateRule
        The rule.

    Raises
    ------
    DataError
        A table lacks one of the hyperparameters, or there is no best rate: the error does not rise
        to both sides.
    """
    parts = [_features(table, error) for table in tables]
    return _solved(*_stacked(parts))


def exponent_intervals(
    tables: Sequence[TrainedTable],
    error: SeenError = "validation_loss",
    *,
    seed: int,
    resamples: int = 200,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of the exponents: a bootstrap over the configurations of each table.

    Parameters
    ----------
    tables
        As for `fit_rate_rule`.
    error
        The same.
    seed
        Of the resamples.
    resamples
        How many; those without a best rate are left out.

    Returns
    -------
    dict
        Ends by hyperparameter.
    """
    rng = np.random.default_rng(seed)
    parts = [_features(table, error) for table in tables]
    found = []
    for _ in range(resamples):
        drawn = [rng.integers(len(y), size=len(y)) for _, _, y in parts]
        rows = zip(parts, drawn, strict=True)
        try:
            rule = _solved(*_stacked([(x[n], m[n], y[n]) for (x, m, y), n in rows]))
        except DataError:
            continue
        found.append([rule.exponents[key] for key in POWERS])
    if not found:
        return dict.fromkeys(POWERS, (math.nan, math.nan))
    ends = np.quantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return {key: (float(low), float(high)) for key, (low, high) in zip(POWERS, ends.T, strict=True)}


def _features(table: TrainedTable, error: SeenError) -> tuple[Floats, Floats, Floats]:
    """Terms of the rate, all others, and the logarithm of the error, a row per configuration."""
    missing = [key for key in (RATE, *POWERS) if key not in table.space]
    if missing:
        raise DataError(
            "A rule of the learning rate cannot be fitted on the table.",
            expected=f"{RATE}, {', '.join(POWERS)} in its space",
            got=f"no {', '.join(missing)}",
        )
    errors = np.array(errors_of(table, error))
    known = np.isfinite(errors)
    if not known.any():
        raise DataError(
            "A rule of the learning rate cannot be fitted on the table.",
            expected=f"the error {error} of its configurations",
            got="none",
        )
    points = [table.configurations[n].hyperparameters for n in np.flatnonzero(known)]

    def logs(key: str) -> Floats:
        return np.log([float(point[key]) for point in points])

    x, z = logs(RATE), np.array([logs(key) for key in POWERS])
    options = [
        np.array([float(point[key] == option) for point in points])
        for key, one in table.space.items()
        if isinstance(one, Choices) and key not in POWERS
        for option in one.options[1:]
    ]
    rated = np.array([x, *(x * z), x**2]).T
    return rated, np.array([*z, *z**2, *options]).T, np.log(errors[known])


def _stacked(parts: Sequence[tuple[Floats, Floats, Floats]]) -> tuple[Floats, Floats]:
    """Terms of all tables: those of the rate are shared, each has its own others."""
    rows, columns = [], sum(other.shape[1] + 1 for _, other, _ in parts)
    start = 0
    for rated, other, _ in parts:
        own = np.zeros((len(rated), columns))
        own[:, start] = 1.0
        own[:, start + 1 : start + 1 + other.shape[1]] = other
        rows.append(np.hstack([rated, own]))
        start += other.shape[1] + 1
    return np.vstack(rows), np.concatenate([y for _, _, y in parts])


def _solved(x: Floats, y: Floats) -> RateRule:
    found = np.linalg.lstsq(x, y, rcond=None)[0]
    slope, curvature = found[: 1 + len(POWERS)], float(found[1 + len(POWERS)])
    if curvature <= 0:
        raise DataError(
            "There is no best learning rate in the tables.",
            expected="an error that rises to both sides of one",
            got=f"a curvature of {curvature:.3g}",
            remedy="tables with a wider interval of learning rates",
        )
    best = -slope / (2 * curvature)
    powers = dict(zip(POWERS, best[1:].tolist(), strict=True))
    return RateRule(math.exp(min(best[0], 700.0)), powers)


@dataclass(frozen=True)
class WithRateRule:
    """A method that leaves the learning rate to a rule.

    Attributes
    ----------
    base
        The method, which searches all other hyperparameters.
    rule
        Gives the rate; it is moved into the interval of the search.
    """

    base: Method
    rule: RateRule

    @property
    def name(self) -> MethodName:
        """Name of the method."""
        return self.base.name

    @property
    def label(self) -> str:
        """Name in figures and texts."""
        return f"{self.base.label}, rate by a rule"

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As that of the method without the rate, which has to be an interval of the space."""
        if isinstance(space.get(RATE), Choices | None):
            raise ConfigError(
                "A rule gives any learning rate, not one of a list.",
                where=RATE,
                expected="an interval",
                got=repr(space.get(RATE)),
            )
        self.base.check(_without_rate(space), budget)

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
        """Search as `Method.run`; trials and recommendation have the rate of the rule."""
        self.check(space, budget)

        def rated(point: Hyperparameters) -> dict[str, Value]:
            rate = space[RATE].clipped(self.rule.rate(point))  # type: ignore[union-attr]
            return {key: rate if key == RATE else point[key] for key in space}

        def train(
            hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
        ) -> Evaluation:
            point = rated(hyperparameters)
            return objective(point, initialisations=initialisations, fidelity=fidelity)

        def seen(trial: Trial) -> Trial:
            return replace(trial, hyperparameters=rated(trial.hyperparameters))

        found = self.base.run(
            train,
            _without_rate(space),
            budget=budget,
            seed=seed,
            training_free=None if training_free is None else lambda p: training_free(rated(p)),
            on_trial=None if on_trial is None else lambda trial: on_trial(seen(trial)),
        )
        trials = tuple(seen(trial) for trial in found.trials)
        return replace(found, trials=trials, best=rated(found.best))


def _without_rate(space: SearchSpace) -> SearchSpace:
    return {key: one for key, one in space.items() if key != RATE}
