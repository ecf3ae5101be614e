"""Guard against overfitting: ridge regressions of the LDOS, judged on left-out snapshots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.descriptors.moments import Line, Moments
from surrogate_hpo.scores.descriptors.scores import Candidate

# Damps directions that hold less than this share of a component's variance: enough to keep the
# regression well-posed, too little to hide that a long descriptor overfits.
RIDGE = 1e-6
MOST_FOLDS = 5


@dataclass(frozen=True)
class GuardScore:
    """How well a ridge regression on one candidate predicts snapshots that it has not seen.

    Attributes
    ----------
    held_out_unexplained
        1 − R² over points and energies of the left-out snapshots: 0 at best, 1 as good as
        the mean, above 1 worse than it. NaN if a descriptor is not finite.
    training_unexplained
        The same for the points that were fitted to.
    sum_error
        Mean square error of the means over each left-out snapshot, over the variance of these
        means between snapshots; NaN if they do not vary. Predicting the mean of the other S − 1
        snapshots scores S²/(S − 1)² if each is left out alone.
    larger_sum_error
        The sum error of the snapshots with the largest number of atoms, of a regression on all
        others. NaN if all have the same number.
    """

    held_out_unexplained: float
    training_unexplained: float
    sum_error: float
    larger_sum_error: float = np.nan


def guard_scores(
    descriptors: Sequence[Mapping[float, NDArray[np.floating]]],
    ldos: Sequence[NDArray[np.floating]],
    columns: Mapping[int, NDArray[np.integer]],
    *,
    seed: int,
    sizes: Sequence[int] | None = None,
    ridge: float = RIDGE,
) -> dict[Candidate, GuardScore]:
    r"""Fit the LDOS to every candidate without some snapshots, and judge it on these.

    .. math::
        W = (C + \rho I)^{-1} \langle z\,(y - \bar y)^T \rangle, \qquad
        C = \langle z z^T \rangle, \qquad z = (x - \bar x) / \sigma

    with the mean :math:`\bar x` and the standard deviation :math:`\sigma` of each component
    over the points fitted to. Each of min(5, snapshots) folds leaves some snapshots out; every
    snapshot is left out once. Points weigh the same, whichever snapshot they belong to.

    Where snapshots differ in size, the largest ones are left out all at once, too: a cutoff that
    reaches over a small cell sees its images, and sums over larger cells go far astray by what is
    learnt of these.

    Parameters
    ----------
    descriptors
        Per snapshot, for each cutoff radius in Å: vectors at the highest 2·J_max,
        [points, components]. Snapshots may differ in their number of points.
    ldos
        Per snapshot the LDOS at the same points, [points, energies], 1/(eV Å³).
    columns
        For each 2·J_max the columns of the descriptor vectors that it keeps, see
        ``descriptors.triples.nested_columns``.
    seed
        Deals the snapshots out to the folds.
    sizes
        Number of atoms of each snapshot; taken to be equal if left out.
    ridge
        The penalty ρ, relative to the variance of a standardised component.

    Returns
    -------
    dict
        Score per (cutoff radius, 2·J_max), sorted.

    Raises
    ------
    ConfigError
        If there are fewer than two snapshots.
    DataError
        If descriptors and LDOS belong to different points, or the LDOS differ in their
        energies, are not finite or do not vary.
    """
    _check(descriptors, ldos)
    folds = _folds(len(ldos), seed)
    larger = _largest(sizes or [])
    centre = np.concatenate(ldos).mean(0, dtype=np.float64)
    targets = [values.astype(np.float64) - centre for values in ldos]
    return {
        (radius, twojmax): _judged(
            [m.of_columns(columns[twojmax]) for m in moments], folds, larger, ridge
        )
        for radius in sorted(descriptors[0])
        for moments in [_moments([of[radius] for of in descriptors], targets)]
        for twojmax in sorted(columns)
    }


def _moments(
    vectors: Sequence[NDArray[np.floating]], targets: Sequence[NDArray[np.float64]]
) -> list[Moments]:
    """Moments per snapshot, of components that are centred and scaled for the rounding's sake."""
    together = np.concatenate(vectors).astype(np.float64, copy=False)
    with np.errstate(invalid="ignore", over="ignore"):
        centre, spread = together.mean(0), together.std(0)
        spread = np.where(spread > 0, spread, 1)
        return [Moments.of((x - centre) / spread, y) for x, y in zip(vectors, targets, strict=True)]


def _judged(
    moments: Sequence[Moments],
    folds: Sequence[NDArray[np.intp]],
    larger: NDArray[np.intp],
    ridge: float,
) -> GuardScore:
    if not all(np.isfinite(m.xx).all() for m in moments):
        return GuardScore(np.nan, np.nan, np.nan)
    held_out = training = training_variation = 0.0
    errors = []
    for left_out, fitted_to in _splits(moments, folds):
        line = Line.fitted(fitted_to, ridge)
        training += line.squared_error(fitted_to)
        training_variation += fitted_to.variation
        held_out += sum(line.squared_error(m) for m in left_out)
        errors += [line.mean_error(m) for m in left_out]
    return GuardScore(
        held_out_unexplained=held_out / reduce(Moments.__add__, moments).variation,
        training_unexplained=training / training_variation if training_variation > 0 else np.nan,
        sum_error=_relative(errors, moments),
        larger_sum_error=_larger_sum_error(moments, larger, ridge),
    )


def _larger_sum_error(moments: Sequence[Moments], larger: NDArray[np.intp], ridge: float) -> float:
    if not len(larger):
        return np.nan
    ((judged, fitted_to),) = _splits(moments, [larger])
    line = Line.fitted(fitted_to, ridge)
    return _relative([line.mean_error(m) for m in judged], moments)


def _relative(errors: Sequence[NDArray[np.float64]], moments: Sequence[Moments]) -> float:
    """Mean square of the means' errors, over the variance of the means."""
    means = np.stack([m.y / m.count for m in moments])
    variance = float(means.var(axis=0).mean())
    return float(np.square(errors).mean()) / variance if variance > 0 else np.nan


def _largest(sizes: Sequence[int]) -> NDArray[np.intp]:
    """Places of the snapshots with the most atoms; none if all have as many."""
    found = np.array(sizes)
    if len(set(sizes)) < 2:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(found == found.max())


def _splits(
    moments: Sequence[Moments], folds: Sequence[NDArray[np.intp]]
) -> Iterator[tuple[list[Moments], Moments]]:
    """Snapshots that a fold leaves out, and the sum of the others."""
    for fold in folds:
        others = [m for number, m in enumerate(moments) if number not in fold]
        yield [moments[number] for number in fold], reduce(Moments.__add__, others)


def _folds(snapshots: int, seed: int) -> list[NDArray[np.intp]]:
    order = np.random.default_rng(seed).permutation(snapshots)
    return np.array_split(order, min(MOST_FOLDS, snapshots))


def _check(
    descriptors: Sequence[Mapping[float, NDArray[np.floating]]],
    ldos: Sequence[NDArray[np.floating]],
) -> None:
    if len(ldos) < 2:
        raise ConfigError(
            "The guard leaves snapshots out, and there are too few.",
            where="acsd.guard",
            expected="at least two snapshots with an LDOS",
            got=str(len(ldos)),
            remedy="raise acsd.snapshots, give more training snapshots, or set acsd.guard: false",
        )
    shapes = {(len(values), ldos[0].shape[1]) for values in ldos}
    if shapes != {values.shape for values in ldos} or any(
        len(vectors) != len(values)
        for of, values in zip(descriptors, ldos, strict=True)
        for vectors in of.values()
    ):
        raise DataError(
            "Descriptors and LDOS of the snapshots do not fit together.",
            where="guard",
            expected="[points, components] and [points, energies], equal energies everywhere",
            got=", ".join(str(list(values.shape)) for values in ldos),
        )
    together = np.concatenate(ldos)
    if not np.isfinite(together).all() or not np.ptp(together, axis=0).any():
        raise DataError(
            "The LDOS is not finite, or the same at all points.",
            where="guard",
            expected="numbers that a regression can explain",
            got=f"values from {together.min():.3g} to {together.max():.3g} 1/(eV Å³)",
            remedy="check the LDOS stores",
        )
