"""How far predicted quantities are from DFT, beside the floor and the baseline."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BaselineKind = Literal["training_mean", "class_mean", "mixed"]
_FEWEST_FOR_CORRELATION = 3
# A spread below this share of the values themselves is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Baseline:
    """The best that a constant per class of snapshots predicts.

    Attributes
    ----------
    values
        What it predicts, `[snapshot]`.
    kind
        `training_mean` where the training has snapshots of the class: their mean; `class_mean`
        where it has none: the mean of the held-out snapshots' own DFT values, which no constant
        beats in the mean square; `mixed` if there are both.
    """

    values: FloatArray
    kind: BaselineKind


@dataclass(frozen=True)
class Accuracy:
    """Errors of one quantity over the held-out snapshots, in the unit of its values.

    NaN is what is not known, or makes no sense.

    Attributes
    ----------
    mae
        Mean absolute error, averaged over initialisations.
    std_over_seeds
        Standard deviation of the mean absolute error over initialisations (ddof 1; 0 for one).
    ensemble_mae
        Mean absolute error of the mean prediction of all initialisations.
    mean_error
        Signed mean of the mean prediction: the common shift.
    largest_error
        Largest absolute error of the mean prediction.
    discretisation_error
        Mean absolute error of the same quantity from the *reference* LDOS: the floor.
    baseline
        Mean absolute error of the baseline.
    skill
        Ensemble error over baseline, dimensionless: 0 is perfect, from 1 on it is of no use;
        NaN if the baseline is 0.
    correlation
        Pearson's correlation of the mean prediction with DFT, dimensionless, of deviations from
        the means of each class; NaN for fewer than three snapshots (one more for each further
        class), or if one of the two does not vary.
    """

    mae: float
    std_over_seeds: float
    ensemble_mae: float
    mean_error: float
    largest_error: float
    discretisation_error: float
    baseline: float
    skill: float
    correlation: float


def class_baseline(
    reference: Sequence[float],
    classes: Sequence[Hashable],
    training: Mapping[Hashable, Sequence[float]],
) -> Baseline:
    """Predict every snapshot by a constant of its class, see `Baseline`.

    Parameters
    ----------
    reference
        DFT, one value per held-out snapshot; NaN where it is not known.
    classes
        The class of each.
    training
        DFT values of the training snapshots of each class.

    Returns
    -------
    Baseline
        In the unit of the arguments.

    Raises
    ------
    ValueError
        If there are not as many classes as values.
    """
    own: dict[Hashable, list[float]] = {}
    for name, value in zip(classes, reference, strict=True):
        own.setdefault(name, []).append(value)
    constants = {name: _mean_of_known(training.get(name) or own[name]) for name in own}
    # A class whose snapshots have no reference is not judged, and has no say in the kind.
    judged = [name for name in own if np.isfinite(own[name]).any()] or list(own)
    kinds: set[BaselineKind] = {
        "training_mean" if training.get(name) else "class_mean" for name in judged
    }
    return Baseline(
        np.array([constants[name] for name in classes]),
        kinds.pop() if len(kinds) == 1 else "mixed",
    )


def accuracy(
    predicted: ArrayLike,
    reference: ArrayLike,
    from_reference_ldos: ArrayLike,
    baseline: ArrayLike,
    classes: Sequence[Hashable] | None = None,
) -> Accuracy:
    """Errors of one quantity, over the snapshots whose reference is known.

    Parameters
    ----------
    predicted
        `[initialisation, snapshot]`, from predicted LDOS.
    reference
        `[snapshot]`, DFT; NaN where it is not known.
    from_reference_ldos
        `[snapshot]`, from the DFT run's own LDOS; NaN where there is none: the floor is that of
        the others.
    baseline
        `[snapshot]`, what the baseline predicts.
    classes
        Class of each snapshot, for the correlation; all are of one if left out.

    Returns
    -------
    Accuracy
        All in the unit of the arguments.

    Raises
    ------
    ValueError
        If shapes do not fit together.
    """
    values, truth = np.atleast_2d(_array(predicted)), _array(reference)
    floor, constant = _array(from_reference_ldos), _array(baseline)
    if not values.shape[1:] == truth.shape == floor.shape == constant.shape:
        msg = (
            f"shapes differ: predicted {values.shape}, reference {truth.shape}, "
            f"floor {floor.shape}, baseline {constant.shape}"
        )
        raise ValueError(msg)
    names = list(classes) if classes is not None else [None] * len(truth)
    # Where no reference is known, all of them stay: then nothing is known, which is NaN.
    if (known := np.isfinite(truth)).any():
        values, truth, floor, constant = (
            values[:, known],
            truth[known],
            floor[known],
            constant[known],
        )
        names = [name for name, kept in zip(names, known, strict=True) if kept]
    per_seed = np.abs(values - truth).mean(axis=1)
    errors = values.mean(axis=0) - truth
    ensemble, of_baseline = float(np.abs(errors).mean()), float(np.abs(constant - truth).mean())
    return Accuracy(
        mae=float(per_seed.mean()),
        std_over_seeds=float(per_seed.std(ddof=1)) if len(per_seed) > 1 else 0.0,
        ensemble_mae=ensemble,
        mean_error=float(errors.mean()),
        largest_error=float(np.abs(errors).max()),
        discretisation_error=_mean_of_known(np.abs(floor - truth)),
        baseline=of_baseline,
        skill=ensemble / of_baseline if of_baseline > 0 else float("nan"),
        correlation=correlation(values.mean(axis=0), truth, names),
    )


def correlation(
    predicted: ArrayLike, reference: ArrayLike, classes: Sequence[Hashable] | None = None
) -> float:
    """Pearson's correlation within classes, see `Accuracy`.

    Parameters
    ----------
    predicted
        `[snapshot]`.
    reference
        `[snapshot]`.
    classes
        Class of each snapshot; all are of one if left out.

    Returns
    -------
    float
        Between −1 and 1; NaN where it makes no sense.
    """
    first, second = _array(predicted), _array(reference)
    names = list(classes) if classes is not None else [None] * len(first)
    if len(first) < _FEWEST_FOR_CORRELATION - 1 + len(set(names)):
        return float("nan")
    one, other = first - class_means(first, names), second - class_means(second, names)
    norms = np.linalg.norm(one), np.linalg.norm(other)
    smallest = (_ROUNDING * np.linalg.norm(values) for values in (first, second))
    if any(norm <= least for norm, least in zip(norms, smallest, strict=True)):
        return float("nan")
    return float(np.clip(one @ other / (norms[0] * norms[1]), -1.0, 1.0))


def class_means(values: ArrayLike, classes: Sequence[Hashable]) -> FloatArray:
    """Mean of its class for each value."""
    given = _array(values)
    result = np.empty_like(given)
    for name in set(classes):
        members = np.array([other == name for other in classes])
        result[members] = given[members].mean()
    return result


def _mean_of_known(values: ArrayLike) -> float:
    """Mean of what is no NaN; NaN if nothing else is there."""
    given = _array(values)
    known = given[~np.isnan(given)]
    return float(known.mean()) if known.size else float("nan")


def _array(values: ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


def deviation(values: FloatArray) -> FloatArray:
    """Standard deviation (ddof 1) along the first axis; NaN of a single value."""
    if len(values) < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.std(axis=0, ddof=1))
