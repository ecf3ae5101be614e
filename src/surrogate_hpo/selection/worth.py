"""What a rule is worth beside random choices: DFT runs until an error is reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.scores.estimates import Estimate

FloatArray = NDArray[np.float64]
RESAMPLES, LEVEL = 2000, 0.95


@dataclass(frozen=True)
class Worth:
    """DFT runs of a rule beside those of random choices.

    Attributes
    ----------
    target
        Error to be reached, in the unit of the curves: that of random choices at some number.
    runs
        Of the rule.
    random_runs
        Of random choices.
    ratio
        Of both; below one the rule saves runs.
    """

    target: float
    runs: float
    random_runs: float
    ratio: Estimate

    @property
    def verdict(self) -> str:
        """In words."""
        if self.ratio.high < 1:
            return "fewer DFT runs than random choices on these data"
        if self.ratio.low > 1:
            return "more DFT runs than random choices on these data"
        return "no better than random on these data"


def runs_needed(runs: ArrayLike, errors: ArrayLike, target: float) -> float:
    """Number of runs at which a curve first reaches a target.

    Parameters
    ----------
    runs
        Numbers of runs, rising, [steps].
    errors
        Errors at these, [steps].
    target
        Error to be reached.

    Returns
    -------
    float
        Between two steps by a straight line in logarithms of both; infinity if it is not reached.
    """
    numbers, values = np.asarray(runs, np.float64), np.asarray(errors, np.float64)
    reached = np.flatnonzero(values <= target)
    if not len(reached):
        return math.inf
    after = int(reached[0])
    if after == 0:
        return float(numbers[0])
    x, y = np.log(numbers[after - 1 : after + 1]), np.log(values[after - 1 : after + 1])
    return float(np.exp(x[0] + (x[1] - x[0]) * (np.log(target) - y[0]) / (y[1] - y[0])))


def worth(
    runs: Sequence[int], rule: FloatArray, random: FloatArray, *, share: float, seed: int
) -> Worth:
    """Compare the geometric mean of a rule's curves with that of random choices.

    The target is the error that random choices reach with a share of the runs. The interval is that
    of a percentile bootstrap over replays (Efron, Ann. Stat. 7, 1 (1979)): each replay has the same
    held-out structures and the same start for both, so they are drawn together. The target is that
    of all replays throughout.

    Parameters
    ----------
    runs
        Numbers of runs at the steps of all curves, [steps].
    rule
        Errors of the rule, [replays, steps].
    random
        Errors of random choices, [replays, steps].
    share
        Of the runs, in (0, 1).
    seed
        Of the bootstrap.

    Returns
    -------
    Worth
        In numbers of runs.

    Raises
    ------
    DataError
        If the curves do not fit together.
    """
    if rule.shape != random.shape or rule.shape[1:] != (len(runs),) or not len(rule):
        raise DataError(
            "learning curves do not fit together",
            expected=f"[replays, {len(runs)}] of both",
            got=f"{list(rule.shape)} and {list(random.shape)}",
        )
    place = share * runs[-1]
    target = float(np.exp(np.interp(np.log(place), np.log(runs), np.log(mean_curve(random)))))

    def ratio(drawn: NDArray[np.intp]) -> float:
        own, other = (runs_needed(runs, mean_curve(c[drawn]), target) for c in (rule, random))
        return own / other if math.isfinite(other) else math.nan

    everything = np.arange(len(rule))
    draws = np.random.default_rng(seed).integers(len(rule), size=(RESAMPLES, len(rule)))
    return Worth(
        target,
        runs_needed(runs, mean_curve(rule), target),
        runs_needed(runs, mean_curve(random), target),
        Estimate(ratio(everything), *interval([ratio(drawn) for drawn in draws])),
    )


def mean_curve(curves: FloatArray) -> FloatArray:
    """Geometric mean over replays, [steps] of [replays, steps]: one bad fit does not decide it."""
    return np.asarray(np.exp(np.log(curves).mean(axis=0)))


def mean_estimate(values: Sequence[float], seed: int) -> Estimate:
    """Mean over replays where it is known, with the interval of a bootstrap over them."""
    known = np.array([value for value in values if math.isfinite(value)])
    if not len(known):
        return Estimate(math.nan, math.nan, math.nan)
    draws = np.random.default_rng(seed).integers(len(known), size=(RESAMPLES, len(known)))
    return Estimate(float(known.mean()), *interval(known[draws].mean(axis=1)))


def interval(values: ArrayLike) -> tuple[float, float]:
    """Percentiles of resamples, those without a number left out; infinities count."""
    known = np.asarray(values, np.float64)
    known = np.sort(known[~np.isnan(known)])
    if not len(known):
        return math.nan, math.nan
    low, high = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    ends = (known[round(share * (len(known) - 1))] for share in (low, high))
    first, last = ends
    return float(first), float(last)
