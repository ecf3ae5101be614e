"""Orthogonal-array tuning: a balanced design, range analysis, and a check of its advice."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats.qmc import LatinHypercube

from surrogate_hpo.contest.methods.base import SearchMethod
from surrogate_hpo.contest.methods.interface import Budget, Trial
from surrogate_hpo.contest.methods.points import levels
from surrogate_hpo.contest.methods.recorder import Recorder
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import Interval, SearchSpace, Value
from surrogate_hpo.seeds import derive_seed


@dataclass(frozen=True)
class OrthogonalArray(SearchMethod):
    """Train a strength-2 orthogonal array, combine the best levels, train the combination.

    Zhang et al., *Deep neural network hyperparameter optimization with orthogonal array
    tuning*, arXiv:1907.13359; range analysis after Taguchi. The array of Bose, OA(p², p + 1, p, 2)
    with p prime, comes from scipy. A hyperparameter of m < p options takes level l mod m:
    pairs of levels are then as frequent as the product of their shares, so that main effects
    stay orthogonal (Addelman, *Technometrics* 4, 21 (1962)).

    Attributes
    ----------
    levels
        Values that an interval is cut into. By default intervals are refused: which values
        the array compares is then the user's choice.
    name
        Name in configs and tables.
    label
        Name in figures and texts.
    """

    levels: int | None = None
    name = "orthogonal_array"
    label = "orthogonal array"

    def minimum_trials(self, space: SearchSpace) -> int:
        """Runs of the array, and one for the combination that it recommends."""
        return array_prime(self._factors(space)) ** 2 + 1

    def check(self, space: SearchSpace, budget: Budget) -> None:
        """As `SearchMethod.check`, and no interval unless it is cut into levels."""
        intervals = [key for key in space if isinstance(space[key], Interval)]
        if intervals and (self.levels is None or self.levels < 2):
            raise ConfigError(
                "An orthogonal array cannot search a continuous interval.",
                where=f"{self.name}: {', '.join(intervals)}",
                expected="a list of options for every hyperparameter",
                got="an interval"
                + ("" if self.levels is None else f" cut into {self.levels} levels"),
                remedy="List a few values, such as 3 to 5 learning rates, or leave the method out.",
            )
        super().check(space, budget)

    def _search(
        self,
        recorder: Recorder,
        space: SearchSpace,
        budget: Budget,  # noqa: ARG002
        seed: int,
    ) -> tuple[Trial, str]:
        factors = self._factors(space)
        fixed = {key: values[0] for key, values in self._levels(space).items()}
        design = orthogonal_array(factors, seed=derive_seed(seed, self.name))
        for row in design:
            recorder.train({**fixed, **_combination(factors, row)})
        best_run = recorder.best()
        values = [t.evaluation.value if t.evaluation.usable else math.nan for t in recorder.trials]
        means = main_effects(design, values)
        advice = _combination(factors, [int(np.argmin(row)) for row in means])
        verification = recorder.train({**fixed, **advice})
        confirmed = (
            verification.evaluation.usable
            and verification.evaluation.value <= best_run.evaluation.value
        )
        best = verification if confirmed else best_run
        return best, _explain(
            best_run, verification, dict(zip(factors, means, strict=True)), confirmed
        )

    def _levels(self, space: SearchSpace) -> dict[str, tuple[Value, ...]]:
        return {key: levels(dimension, self.levels or 1) for key, dimension in space.items()}

    def _factors(self, space: SearchSpace) -> dict[str, tuple[Value, ...]]:
        """Hyperparameters with something to choose."""
        return {key: values for key, values in self._levels(space).items() if len(values) > 1}


def array_prime(factors: Mapping[str, Sequence[Value]]) -> int:
    """Smallest prime p whose array has levels and columns enough: p levels, p + 1 columns."""
    needed = max(2, len(factors) - 1, *(len(values) for values in factors.values()))
    return next(p for p in itertools.count(needed) if all(p % d for d in range(2, p)))


def bose_array(prime: int, columns: int, *, seed: int) -> NDArray[np.int64]:
    """Make an orthogonal array of strength 2 with its levels permuted at random.

    Parameters
    ----------
    prime
        Number of levels p of every column.
    columns
        At most p + 1.
    seed
        Of the permutations.

    Returns
    -------
    numpy.ndarray
        [p², columns], levels 0…p − 1: in any two columns every pair occurs once.
    """
    # The latin hypercube of strength 2 is this array with each level cut into p strata.
    sampler = LatinHypercube(d=columns, strength=2, scramble=False, rng=np.random.default_rng(seed))
    return np.floor(sampler.random(prime**2) * prime).astype(np.int64)


def orthogonal_array(factors: Mapping[str, Sequence[Value]], *, seed: int) -> NDArray[np.int64]:
    """Make the design of some hyperparameters.

    Parameters
    ----------
    factors
        Values of each.
    seed
        Of the permutations of levels.

    Returns
    -------
    numpy.ndarray
        [runs, hyperparameters], indices of values: any two columns are independent.
    """
    design = bose_array(array_prime(factors), max(1, len(factors)), seed=seed)[:, : len(factors)]
    return design % np.array([len(values) for values in factors.values()], dtype=np.int64)


def main_effects(design: NDArray[np.int64], values: Sequence[float]) -> list[list[float]]:
    """Average the values over the runs of each level of each column.

    Parameters
    ----------
    design
        [runs, columns], levels.
    values
        [runs], NaN for a failed run, which is left out of its means.

    Returns
    -------
    list
        For every column the means by level; infinity where all runs of a level failed. The
        range of a column is its largest minus its smallest mean.
    """
    measured = np.asarray(values)
    finite = np.isfinite(measured)
    means = []
    for column in design.T:
        groups = (measured[finite & (column == level)] for level in range(column.max() + 1))
        means.append([float(group.mean()) if group.size else math.inf for group in groups])
    return means


def _combination(
    factors: Mapping[str, Sequence[Value]], indices: Iterable[int]
) -> dict[str, Value]:
    return {key: factors[key][index] for key, index in zip(factors, indices, strict=True)}


def _explain(
    best_run: Trial, verification: Trial, means: Mapping[str, Sequence[float]], confirmed: bool
) -> str:
    finite = {key: [mean for mean in row if math.isfinite(mean)] for key, row in means.items()}
    spans = {key: max(row) - min(row) for key, row in finite.items()}
    ranges = ", ".join(f"{key} {spans[key]:.3g}" for key in sorted(spans, key=lambda k: -spans[k]))
    advice = verification.evaluation
    found = f"{advice.value:.6g}" if advice.usable else advice.state
    verdict = (
        f"combination of the best levels, {found} when trained"
        if confirmed
        else f"run {best_run.number} of the array, {best_run.evaluation.value:.6g}: "
        f"the combination of the best levels ({found}) is no better, so hyperparameters interact"
    )
    return f"{verdict}; ranges of the main effects: {ranges}"
