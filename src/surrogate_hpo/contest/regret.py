"""Regret against compute over many replays, and how much compute one method saves over another."""

import math
from collections.abc import Sequence
from dataclasses import replace as dataclass_replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.contest.replay import Replay
from surrogate_hpo.errors import DataError
from surrogate_hpo.scores.estimates import Estimate

Floats = NDArray[np.float64]
LEVEL = 0.95


def regret_at(replay: Replay, errors: ArrayLike, seconds: ArrayLike) -> Floats:
    r"""Regret of what a search would have recommended after some compute.

    .. math:: r = (e - e_\min) / e_\min

    with the error :math:`e` of the recommended configuration.

    Parameters
    ----------
    replay
        Of the search.
    errors
        Positive error of each configuration; +inf for one that diverged.
    seconds
        Compute.

    Returns
    -------
    ndarray
        Per compute; +inf before the first recommendation, and of a configuration that diverged.

    Raises
    ------
    DataError
        An error that is not positive, or none that is finite.
    """
    e = np.asarray(errors, np.float64)
    if not np.isfinite(e).any() or not (e > 0).all():
        raise DataError(
            "The regret needs a positive error of every configuration.",
            expected="numbers above zero or +inf, at least one of them finite",
            got=f"{np.isfinite(e).sum()} finite ones, {(~(e > 0)).sum()} that are not above zero",
        )
    steps = np.searchsorted(replay.seconds, np.asarray(seconds, np.float64), side="right")
    found = np.append(np.inf, e[list(replay.configurations)])
    best = e.min()
    regrets: Floats = found[steps] / best - 1
    return regrets


def seconds_to(replay: Replay, errors: ArrayLike, regret: float) -> float:
    """Compute after which a search stays at or below a regret; +inf if it never does.

    A search that leaves a good configuration again, because its noisy trial of another looked
    better, has to find one anew.

    Parameters
    ----------
    replay
        Of the search.
    errors
        Positive error of each configuration.
    regret
        Largest regret.

    Returns
    -------
    float
        Seconds.
    """
    if not replay.seconds or replay.failure:
        return math.inf
    good = regret_at(replay, errors, replay.seconds) <= regret
    if not good[-1]:
        return math.inf
    bad = np.flatnonzero(~good)
    return replay.seconds[0 if not bad.size else int(bad[-1]) + 1]


def on_wall(replay: Replay) -> Replay:
    """Return the same search with the wall time in place of its compute."""
    return dataclass_replace(
        replay, seconds=replay.wall_seconds, total_seconds=replay.total_wall_seconds
    )


def median(values: ArrayLike) -> float:
    """Median, the lower of the two middle values: means with infinities tell nothing."""
    return _median(np.asarray(values, np.float64))


def median_estimate(values: ArrayLike, *, seed: int, resamples: int = 2000) -> Estimate:
    """Median over replays with a percentile bootstrap interval; values may be +inf.

    Parameters
    ----------
    values
        One per replay.
    seed
        Of the resamples.
    resamples
        Number of resamples.

    Returns
    -------
    Estimate
        Ends are +inf where so many searches never got there.
    """
    v = np.asarray(values, np.float64)
    medians = _resampled_medians(v, np.random.default_rng(seed), resamples)
    return Estimate(_median(v), *_interval(medians))


def saving(
    reference: Sequence[float], method: Sequence[float], *, seed: int, resamples: int = 2000
) -> Estimate:
    """Median seconds of a reference over those of a method, with a bootstrap interval.

    Parameters
    ----------
    reference
        Seconds of each replay of the reference; +inf where it never got there.
    method
        The same of the method.
    seed
        Of the resamples, which are drawn for both independently.
    resamples
        Number of resamples.

    Returns
    -------
    Estimate
        NaN where neither gets there in half of its replays.
    """
    rng = np.random.default_rng(seed)
    own, other = np.asarray(method, np.float64), np.asarray(reference, np.float64)
    with np.errstate(invalid="ignore"):
        ratios = _resampled_medians(other, rng, resamples) / _resampled_medians(own, rng, resamples)
        value = float(np.float64(_median(other)) / _median(own))
    return Estimate(value, *_interval(ratios[~np.isnan(ratios)]))


def mean_saving(
    references: Sequence[Sequence[float]],
    methods: Sequence[Sequence[float]],
    *,
    seed: int,
    resamples: int = 2000,
) -> Estimate:
    """Geometric mean over materials of what `saving` says of each, with a bootstrap interval.

    Parameters
    ----------
    references
        Seconds of each replay of the reference, per material; all finite.
    methods
        The same of the method; +inf where it never got there.
    seed
        Of the resamples, which are drawn for everything independently.
    resamples
        Number of resamples.

    Returns
    -------
    Estimate
        Zero if the method does not get there in half of the replays of one material.
    """
    rng = np.random.default_rng(seed)
    values, drawn = [], []
    for reference, method in zip(references, methods, strict=True):
        other, own = np.asarray(reference, np.float64), np.asarray(method, np.float64)
        values.append(_median(other) / _median(own))
        drawn.append(
            _resampled_medians(other, rng, resamples) / _resampled_medians(own, rng, resamples)
        )
    power = 1 / len(values)
    means: Floats = np.prod(drawn, axis=0) ** power
    return Estimate(math.prod(values) ** power, *_interval(means))


def _median(values: Floats) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])


def _resampled_medians(values: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    draws = values[rng.integers(len(values), size=(resamples, len(values)))]
    middle = (len(values) - 1) // 2
    medians: Floats = np.partition(draws, middle, axis=1)[:, middle]
    return medians


def _interval(values: Floats) -> tuple[float, float]:
    """Percentiles without interpolation, so that infinities may be among the values."""
    if not values.size:
        return math.nan, math.nan
    ends = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], method="nearest")
    return float(ends[0]), float(ends[1])
