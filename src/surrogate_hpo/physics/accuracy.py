"""How far predicted quantities are from DFT, beside the floor and the baseline."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Accuracy:
    """Errors of one quantity over the held-out snapshots, in the unit of its values.

    Attributes
    ----------
    mae
        Mean absolute error, averaged over initialisations.
    std_over_seeds
        Standard deviation of the mean absolute error over initialisations (ddof 1; 0 for one).
    mean_error
        Signed mean, averaged over initialisations: the common shift.
    discretisation_error
        Mean absolute error of the same quantity from the *reference* LDOS: the floor.
    baseline
        Mean absolute error of predicting the training mean.
    """

    mae: float
    std_over_seeds: float
    mean_error: float
    discretisation_error: float
    baseline: float


def accuracy(
    predicted: ArrayLike, reference: ArrayLike, from_reference_ldos: ArrayLike, training: ArrayLike
) -> Accuracy:
    """Errors of one quantity.

    Parameters
    ----------
    predicted
        `[initialisation, snapshot]`, from predicted LDOS.
    reference
        `[snapshot]`, DFT.
    from_reference_ldos
        `[snapshot]`, from the DFT run's own LDOS.
    training
        `[training snapshot]`, DFT; its mean is the baseline's prediction.

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
    floor = _array(from_reference_ldos)
    if values.shape[1:] != truth.shape or floor.shape != truth.shape:
        msg = (
            f"shapes differ: predicted {values.shape}, reference {truth.shape}, floor {floor.shape}"
        )
        raise ValueError(msg)
    per_seed = np.abs(values - truth).mean(axis=1)
    return Accuracy(
        mae=float(per_seed.mean()),
        std_over_seeds=float(per_seed.std(ddof=1)) if len(per_seed) > 1 else 0.0,
        mean_error=float((values - truth).mean()),
        discretisation_error=float(np.abs(floor - truth).mean()),
        baseline=float(np.abs(_array(training).mean() - truth).mean()),
    )


def _array(values: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64)
