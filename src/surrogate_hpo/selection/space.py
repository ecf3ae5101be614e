"""The space that structures are compared in: principal components of standardised descriptors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]
# Share of its own size below which the variation of a column is rounding.
_ROUNDING = 1e-9
# Share of the largest variance that is added to all before whitening: directions in which hardly
# anything varies must not decide.
FLOOR = 1e-3


@dataclass(frozen=True)
class Space:
    r"""Principal components of standardised columns.

    .. math::
        t_k = \sum_c \frac{x_c - \mu_c}{\sigma_c} v_{ck}

    with the eigenvectors v of the correlation matrix, by falling variance.

    Attributes
    ----------
    mean
        μ, [columns]; of the columns that vary.
    scale
        σ, [columns].
    axes
        v, [columns, components].
    variances
        Of the components among the rows that the space was fitted to, [components].
    columns
        Which columns vary.
    """

    mean: FloatArray
    scale: FloatArray
    axes: FloatArray
    variances: FloatArray
    columns: NDArray[np.intp]

    def standardised(self, rows: FloatArray) -> FloatArray:
        """Columns that vary, less their mean, over their standard deviation, [rows, columns]."""
        return np.asarray((rows[:, self.columns] - self.mean) / self.scale)

    def scores(self, rows: FloatArray, components: int | None = None) -> FloatArray:
        """Weighted by their variance, as they are: [rows, components], dimensionless."""
        return np.asarray(self.standardised(rows) @ self.axes[:, :components])

    def whitened(self, rows: FloatArray) -> FloatArray:
        """All components with a variance of about one, [rows, components]."""
        return np.asarray(
            self.scores(rows) / np.sqrt(self.variances + FLOOR * self.variances.max())
        )

    def residual(self, rows: FloatArray, components: int) -> FloatArray:
        """What the first components leave of standardised rows: its length, [rows].

        One component at least is not among them, since all of them leave nothing of any row.
        """
        values = self.standardised(rows)
        some = self.axes[:, : min(components, len(self.columns) - 1)]
        left = values - (values @ some) @ some.T
        return np.asarray(np.sqrt((left**2).sum(axis=1)))


def fit_space(rows: FloatArray) -> Space:
    """Fit the space to descriptors.

    Parameters
    ----------
    rows
        Of sites, [sites, columns].

    Returns
    -------
    Space
        With as many components as columns vary independently.

    Raises
    ------
    DataError
        If no column varies: all sites have the same neighbourhood.
    """
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    columns = np.flatnonzero(scale > _ROUNDING * np.abs(rows).max(axis=0))
    if len(rows) < 2 or not len(columns):
        raise DataError(
            "structures cannot be compared: their descriptors are all the same",
            expected="sites with different neighbourhoods",
            got=f"{len(rows)} sites that are alike",
            remedy="displace the atoms, or add other structures",
        )
    values = (rows[:, columns] - mean[columns]) / scale[columns]
    variances, axes = np.linalg.eigh(values.T @ values / len(values))
    kept = variances > _ROUNDING * variances.max()
    return Space(
        mean[columns],
        scale[columns],
        _signed(axes[:, kept][:, ::-1]),
        variances[kept][::-1],
        columns,
    )


def _signed(axes: FloatArray) -> FloatArray:
    """Axes whose largest entry is positive: the sign of an eigenvector is left to chance."""
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(axes * np.sign(axes[largest, np.arange(axes.shape[1])]))
