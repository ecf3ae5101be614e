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
        scale = np.linalg.norm(beyond, axis=0)
        used = scale > _ROUNDING * np.linalg.norm(self.columns, axis=0)
        left, values, right = np.linalg.svd(beyond[:, used] / scale[used], full_matrices=False)
        # Directions that hold nothing but rounding need not be orthogonal to the free columns.
        kept = values > _ROUNDING * values.max(initial=0.0)
        left, values, right = left[:, kept], values[kept], right[kept]
        rest = self.target - basis @ (basis.T @ self.target)
        components = left.T @ rest
        found = []
        for penalty in penalties:
            penalised = np.zeros(self.columns.shape[1])
            shrunk = values / (values**2 + penalty) * components
            penalised[used] = right.T @ shrunk / scale[used]
            unexplained = self.target - self.columns @ penalised
            free = np.asarray(np.linalg.lstsq(self.free, unexplained)[0], np.float64)
            lost = penalty / (values**2 + penalty)
            left_out = self._left_out(basis, left, rest, lost)
            found.append(RidgeFit(free, penalised, float(penalty), left_out))
        return found

    def _left_out(
        self, basis: FloatArray, left: FloatArray, rest: FloatArray, lost: FloatArray
    ) -> tuple[FloatArray, ...]:
        """(1 − H)⁻¹ times the residual, with each group's own block H of the hat matrix.

        1 − H is what no column holds, and of what they hold the share that the penalty takes.
        """
        components = left.T @ rest
        residual = left @ (lost * components)
        beyond_all = len(rest) > basis.shape[1] + left.shape[1]
        if beyond_all:
            residual += rest - left @ components
        found = []
        for group in self.groups:
            own, columns = basis[group], left[group]
            outside = np.eye(len(own)) - own @ own.T
            remaining = (columns * lost) @ columns.T
            if beyond_all:
                remaining += outside - columns @ columns.T
            errors = np.full(len(own), np.nan)
            if np.linalg.eigvalsh(outside)[0] > _ROUNDING:
                errors[:] = np.linalg.solve(remaining, residual[group])
            found.append(errors)
        return tuple(found)


def _column_space(matrix: FloatArray) -> FloatArray:
    """Orthonormal basis of the space that the columns span."""
    left, values, _ = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left[:, values > _ROUNDING * values.max(initial=0.0)])
