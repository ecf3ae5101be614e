"""Does a cheap score rank architectures as training does? Rank statistics with intervals.

Kendall's τ-b (Biometrika 33, 239 (1945)) and Spearman's ρ between a score and the error of
trained networks, with percentile bootstrap intervals (B. Efron, Ann. Stat. 7, 1 (1979)) over
architectures. A score of use has an interval without zero; its sign says which way to read it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.architectures.options import Direction

# With fewer, a bootstrap interval says nothing: four pairs have only 24 orders.
MINIMUM_ARCHITECTURES = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How a score and an error go together.

    Attributes
    ----------
    tau
        Kendall's τ-b, −1…1. Negative: higher scores go with lower errors. NaN if undefined.
    tau_low
        Lower end of its bootstrap interval.
    tau_high
        Upper end.
    rho
        Spearman's ρ with mean ranks for ties.
    rho_low
        Lower end of its bootstrap interval.
    rho_high
        Upper end.
    architectures
        Number of architectures behind the numbers.
    reason
        Why the numbers are NaN; empty if they are not.
    """

    tau: float
    tau_low: float
    tau_high: float
    rho: float
    rho_low: float
    rho_high: float
    architectures: int
    reason: str = ""

    @classmethod
    def undefined(cls, architectures: int, reason: str) -> "Agreement":
        """Say why there are no numbers."""
        nan = math.nan
        return cls(nan, nan, nan, nan, nan, nan, architectures, reason)


@dataclass(frozen=True)
class Verdict:
    """What an agreement means, in words.

    Attributes
    ----------
    words
        ``informative, higher is better`` or ``… lower is better``, or ``not distinguishable from
        chance on this data``.
    direction
        How to read the score; None if it cannot be told.
    agrees_with_publication
        Whether that is how the publication reads it; None if it cannot be told.
    """

    words: str
    direction: Direction | None
    agrees_with_publication: bool | None


def agreement(
    score: ArrayLike, error: ArrayLike, *, seed: int, resamples: int = 2000, level: float = 0.95
) -> Agreement:
    r"""Compute τ-b and ρ between a score and an error, with bootstrap intervals.

    .. math:: \tau_b = \frac{\sum_{i<j} \mathrm{sgn}(s_i - s_j)\,\mathrm{sgn}(e_i - e_j)}
              {\sqrt{n_s n_e}}

    with the numbers of pairs :math:`n_s, n_e` that are not tied in score and error. An
    architecture that a resample holds twice is tied with itself in both and drops out.

    Parameters
    ----------
    score
        One finite number per architecture.
    error
        Error after training; +inf for a training that diverged, which ranks below all others.
    seed
        Of the resamples.
    resamples
        Number of bootstrap resamples of the architectures.
    level
        Confidence level of the intervals.

    Returns
    -------
    Agreement
        All NaN, with the reason, if all scores or all errors are equal.

    Raises
    ------
    DataError
        Fewer than five architectures, different lengths, or numbers that cannot be ranked.
    ConfigError
        No resamples, or a level outside 0…1.
    """
    s, e = _checked(score, error)
    if resamples < 1 or not 0 < level < 1:
        raise ConfigError(
            "The bootstrap settings make no sense.",
            expected="resamples of one or more, and a level between 0 and 1",
            got=f"resamples = {resamples}, level = {level}",
        )
    for name, values in (("scores", s), ("errors", e)):
        if np.all(values == values[0]):
            reason = f"all {name} are equal, so there is no order to compare"
            return Agreement.undefined(len(s), reason)
    counts, once = _resamples(len(s), seed, resamples), np.ones((1, len(s)))
    tau, rho = _kendall(s, e, counts), _spearman(s, e, counts)
    (tau_low, tau_high), (rho_low, rho_high) = _interval(tau, level), _interval(rho, level)
    return Agreement(
        tau=float(_kendall(s, e, once)[0]),
        tau_low=tau_low,
        tau_high=tau_high,
        rho=float(_spearman(s, e, once)[0]),
        rho_low=rho_low,
        rho_high=rho_high,
        architectures=len(s),
    )


def gain(
    score: ArrayLike,
    control: ArrayLike,
    error: ArrayLike,
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Compute |τ(score)| − |τ(control)|: how much better a score ranks than a simpler one.

    Paired: both see the same resamples, so what they share does not widen the interval.

    Parameters
    ----------
    score
        One finite number per architecture.
    control
        The simpler score of the same architectures.
    error
        As for :func:`agreement`.
    seed
        Of the resamples.
    resamples
        Number of bootstrap resamples.
    level
        Confidence level of the interval.

    Returns
    -------
    float, float, float
        The gain and the ends of its interval; NaN where a τ is undefined.

    Raises
    ------
    DataError
        As :func:`agreement`.
    """
    s, e = _checked(score, error)
    c, _ = _checked(control, error)

    def difference(counts: Floats) -> Floats:
        found: Floats = np.abs(_kendall(s, e, counts)) - np.abs(_kendall(c, e, counts))
        return found

    low, high = _interval(difference(_resamples(len(s), seed, resamples)), level)
    return float(difference(np.ones((1, len(s))))[0]), low, high


def _resamples(size: int, seed: int, resamples: int) -> Floats:
    """How often each resample holds each architecture, [resamples, size]."""
    draws = np.random.default_rng(seed).integers(size, size=(resamples, size))
    return np.array([np.bincount(row, minlength=size) for row in draws], dtype=np.float64)


def _checked(score: ArrayLike, error: ArrayLike) -> tuple[Floats, Floats]:
    s, e = np.asarray(score, np.float64), np.asarray(error, np.float64)
    if s.ndim != 1 or s.shape != e.shape:
        raise DataError(
            "Scores and errors do not pair up.",
            expected="one score and one error per architecture",
            got=f"shapes {list(s.shape)} and {list(e.shape)}",
        )
    if len(s) < MINIMUM_ARCHITECTURES:
        raise DataError(
            "Too few architectures to judge a score by.",
            expected=f"at least {MINIMUM_ARCHITECTURES} with a score and an error",
            got=str(len(s)),
            remedy="audit more architectures",
        )
    if not np.isfinite(s).all() or np.isnan(e).any() or np.isneginf(e).any():
        raise DataError(
            "A score or an error cannot be ranked.",
            expected="finite scores, and errors that are numbers or +inf (diverged)",
            got=f"{np.count_nonzero(~np.isfinite(s))} scores that are not finite, "
            f"{np.count_nonzero(np.isnan(e) | np.isneginf(e))} errors that are no numbers",
            remedy="leave out architectures whose score was rejected",
        )
    return s, e


def _signs(values: Floats) -> Floats:
    """Sign of all differences; comparisons, because inf − inf is no number."""
    column = values[:, None]
    return (column > values).astype(np.float64) - (column < values)


def _kendall(score: Floats, error: Floats, counts: Floats) -> Floats:
    """τ-b of every resample; `counts[r, i]` is how often resample r holds architecture i."""
    s, e = _signs(score), _signs(error)

    def total(pairs: Floats) -> Floats:
        values: Floats = np.einsum("ri,ri->r", counts @ pairs, counts)
        return values

    with np.errstate(invalid="ignore", divide="ignore"):
        tau: Floats = total(s * e) / np.sqrt(total(np.abs(s)) * total(np.abs(e)))
    return tau


def _spearman(score: Floats, error: Floats, counts: Floats) -> Floats:
    """ρ of every resample: weighted correlation of the mean ranks within the resample."""
    x, y = _centred_ranks(score, counts), _centred_ranks(error, counts)
    covariance, x_variance, y_variance = (
        np.einsum("ri,ri,ri->r", counts, a, b) for a, b in ((x, y), (x, x), (y, y))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        rho: Floats = covariance / np.sqrt(x_variance * y_variance)
    return rho


def _centred_ranks(values: Floats, counts: Floats) -> Floats:
    below = (values < values[:, None]).astype(np.float64)
    equal = (values == values[:, None]).astype(np.float64)
    ranks = counts @ (below + equal / 2).T  # up to a constant, which centring removes
    centred: Floats = ranks - (counts * ranks).sum(1, keepdims=True) / counts.sum(1, keepdims=True)
    return centred


def _interval(values: Floats, level: float) -> tuple[float, float]:
    """Percentiles over the resamples in which the statistic exists."""
    known = values[np.isfinite(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def verdict(found: Agreement, published: Direction) -> Verdict:
    """Say what an agreement means: its interval must not contain zero to mean anything.

    Parameters
    ----------
    found
        Agreement of a score with an error.
    published
        How the score's publication reads it.

    Returns
    -------
    Verdict
        Words, and the direction that the data support, if any.
    """
    if found.tau_high < 0:
        return Verdict("informative, higher is better", "maximise", published == "maximise")
    if found.tau_low > 0:
        return Verdict("informative, lower is better", "minimise", published == "minimise")
    return Verdict("not distinguishable from chance on this data", None, None)
