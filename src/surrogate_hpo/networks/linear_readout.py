"""Linear map from vectors to several targets: a ridge, chosen by what is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]
PENALTIES = tuple(10.0**power for power in range(-10, 1))
# Below this share of its mean, the spread of a component is rounding.
_CONSTANT = 1e-7


@dataclass(frozen=True)
class LinearReadout:
    """The map y = a + (x − m) W.

    Attributes
    ----------
    offset
        a, in the unit of the targets, [targets].
    centre
        m, in the unit of the vectors, [components].
    weights
        W, [components, targets].
    penalty
        Of the ridge, relative to the largest eigenvalue of XᵀX.
    left_out_rmse
        Root mean square error of the mean of a group that was left out of the fit, in the unit
        of the targets; NaN for a single group.
    """

    offset: FloatArray
    centre: FloatArray
    weights: FloatArray
    penalty: float
    left_out_rmse: float

    def predict(self, vectors: FloatArray) -> FloatArray:
        """Targets of some vectors, [rows, targets]."""
        return np.asarray(self.offset + (vectors - self.centre) @ self.weights)


def fit_linear_readout(
    vectors: FloatArray,
    targets: FloatArray,
    groups: Sequence[slice],
    *,
    penalties: Sequence[float] = PENALTIES,
) -> LinearReadout:
    r"""Fit a linear map with the penalty of the smallest error of left-out groups' means.

    .. math::
        \min_{a, W} \sum_r |y_r - a - z_r W|^2 + \lambda s_1^2 |W|^2

    with vectors z that have mean zero and deviation one in each component, and s_1 their largest
    singular value. What is left out is found in closed form: with the hat matrix H of the fit,
    the errors of a group g are :math:`(1 - H_{gg})^{-1} r_g`. Their mean over the group is judged:
    the targets of a group are there to be added up.

    Parameters
    ----------
    vectors
        [rows, components].
    targets
        [rows, targets].
    groups
        Rows that are left out together, such as those of one snapshot.
    penalties
        λ to choose from; the middle one is taken where there is one group only.

    Returns
    -------
    LinearReadout
        The map.

    Raises
    ------
    DataError
        If the arrays do not fit, have fewer than two rows, or hold NaN.
    """
    if vectors.ndim != 2 or targets.ndim != 2 or not 1 < len(vectors) == len(targets):
        raise DataError(
            "vectors and targets of a linear fit do not fit each other",
            expected="[rows, components] and [rows, targets] with two rows or more",
            got=f"{list(vectors.shape)} and {list(targets.shape)}",
        )
    if not (np.isfinite(vectors).all() and np.isfinite(targets).all()):
        raise DataError("a linear fit meets values that are not finite", expected="finite numbers")
    centre, offset = vectors.mean(axis=0), targets.mean(axis=0)
    deviation = vectors.std(axis=0)
    constant = deviation <= _CONSTANT * np.abs(centre)
    scale = np.where(constant, 1.0, deviation)
    scaled, rest = (vectors - centre) / scale * ~constant, targets - offset
    left, values, right = np.linalg.svd(scaled, full_matrices=False)
    components = left.T @ rest
    tried = []
    for penalty in penalties:
        ridge = penalty * max(float(values[0]) ** 2, np.finfo(float).tiny)
        filtered = values**2 / (values**2 + ridge)
        residual = rest - left @ (filtered[:, None] * components)
        error = _left_out_rmse(left, filtered, residual, groups)
        weights = right.T @ ((values / (values**2 + ridge))[:, None] * components)
        tried.append(LinearReadout(offset, centre, weights / scale[:, None], penalty, error))
    known = [one for one in tried if np.isfinite(one.left_out_rmse)]
    if not known:
        return tried[len(tried) // 2]
    return min(known, key=lambda one: one.left_out_rmse)


def _left_out_rmse(
    left: FloatArray, filtered: FloatArray, residual: FloatArray, groups: Sequence[slice]
) -> float:
    """NaN where a group is all there is, or the fit has no freedom left without it."""
    squares = []
    for group in groups:
        own = left[group]
        hat = 1 / len(residual) + (own * filtered) @ own.T
        remaining = np.eye(len(own)) - hat
        if np.linalg.eigvalsh(remaining)[0] < np.sqrt(np.finfo(float).eps):
            return float("nan")
        errors = np.linalg.solve(remaining, residual[group])
        squares.append(float(np.square(errors.mean(axis=0)).mean()))
    return float(np.sqrt(np.mean(squares))) if squares else float("nan")
