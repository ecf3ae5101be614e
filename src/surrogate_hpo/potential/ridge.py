"""Ridge regression whose error on what is left out has a closed form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Below this share of its own size, what is left of a column or of a row is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RidgeFit:
    """Coefficients for one penalty, and the errors on groups of rows that were left out.

    Attributes
    ----------
    free
        Coefficients of the columns without penalty, [free columns].
    penalised
        Coefficients of the others, in their own units, [columns].
    penalty
        Strength of the ridge.
    left_out
        For each group, target minus prediction of the fit without this group, in units of the
        weighted target; NaN where the other groups cannot tell, such as for the only one that
        has something in a free column.
    """

    free: FloatArray
    penalised: FloatArray
    penalty: float
    left_out: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Ridge:
    r"""The minimum of a penalised sum of squares, for any penalty λ.

    .. math::
        \sum_r (y_r - \mathbf{c}_r \mathbf{u} - \mathbf{x}_r \mathbf{v})^2
        + \lambda \sum_k (s_k v_k)^2

    with columns c that are free and columns x that are penalised; s_k is the norm of what
    column k has beyond the free ones, so that units do not matter, nor constants where the free
    columns hold one. One singular value decomposition serves all penalties. Where columns are
    linearly dependent, the shortest coefficients are taken.

    Attributes
    ----------
    target
        y, weighted, [rows].
    free
        c, weighted, [rows, free columns].
    columns
        x, weighted, [rows, columns].
    groups
        Rows that are left out together; each row is in one of them.
    """

    target: FloatArray
    free: FloatArray
    columns: FloatArray
    groups: Sequence[slice]

    def fits(self, penalties: Sequence[float]) -> list[RidgeFit]:
        """Solve for each penalty, and for each with every group left out in its turn."""
        basis = _column_space(self.free)
        beyond = self.columns - basis @ (basis.T @ self.columns)
        rest = self.target - basis @ (basis.T @ self.target)
        scale = np.linalg.norm(beyond, axis=0)
        used = scale > _ROUNDING * np.linalg.norm(self.columns, axis=0)
        left, values, right = np.linalg.svd(beyond[:, used] / scale[used], full_matrices=False)
        found = []
        for penalty in penalties:
            shrunk = values / (values**2 + penalty)
            penalised = np.zeros(self.columns.shape[1])
            penalised[used] = right.T @ (shrunk * (left.T @ rest)) / scale[used]
            unexplained = self.target - self.columns @ penalised
            free = np.asarray(np.linalg.lstsq(self.free, unexplained)[0], np.float64)
            residual = unexplained - self.free @ free
            directions = np.hstack([basis, left * np.sqrt(values * shrunk)])
            left_out = tuple(_left_out(residual[g], directions[g]) for g in self.groups)
            found.append(RidgeFit(free, penalised, float(penalty), left_out))
        return found


def _column_space(matrix: FloatArray) -> FloatArray:
    """Orthonormal basis of the space that the columns span."""
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left[:, values > _ROUNDING * values.max(initial=0.0)])


def _left_out(residual: FloatArray, directions: FloatArray) -> FloatArray:
    """(1 − H)⁻¹ times the residual, with the group's own block H of the hat matrix."""
    remaining = np.eye(len(residual)) - directions @ directions.T
    if np.linalg.eigvalsh(remaining)[0] < _ROUNDING:
        return np.full_like(residual, np.nan)
    return np.asarray(np.linalg.solve(remaining, residual))
