"""Linear regressions of the LDOS from sums over points, whose number does not matter then."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Moments:
    """Sums over points: all that a linear regression and its errors need.

    Attributes
    ----------
    count
        Number of points P.
    x
        Sum of the components, [n].
    y
        Sum of the LDOS, [energies].
    xx
        Sum of products of components, [n, n].
    xy
        Sum of products with the LDOS, [n, energies].
    yy
        Sum of squares of the LDOS over points and energies.
    """

    count: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    yy: float

    @classmethod
    def of(cls, x: NDArray[np.float64], y: NDArray[np.float64]) -> "Moments":
        """Sum over points: components [points, n] and LDOS [points, energies]."""
        return cls(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y, float(np.square(y).sum()))

    def __add__(self, other: "Moments") -> "Moments":
        """Sum over the points of both."""
        return Moments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def of_columns(self, columns: NDArray[np.integer]) -> "Moments":
        """Keep some of the components."""
        kept = np.ix_(columns, columns)
        return Moments(
            self.count, self.x[columns], self.y, self.xx[kept], self.xy[columns], self.yy
        )

    @property
    def variation(self) -> float:
        """Sum of squares of the LDOS about its mean at each energy."""
        return self.yy - float(np.square(self.y).sum()) / self.count


@dataclass(frozen=True)
class Line:
    """A linear regression: y = x·weights + intercept.

    Attributes
    ----------
    weights
        Shape [n, energies].
    intercept
        Shape [energies].
    """

    weights: NDArray[np.float64]
    intercept: NDArray[np.float64]

    @classmethod
    def fitted(cls, m: Moments, ridge: float) -> "Line":
        """Fit to sums over points; the ridge is a share of each component's variance."""
        covariance = m.xx / m.count - np.outer(m.x, m.x) / m.count**2
        with_ldos = m.xy / m.count - np.outer(m.x, m.y) / m.count**2
        spread = np.sqrt(np.maximum(covariance.diagonal(), 0))
        spread = np.where(spread > 0, spread, 1)
        standardised = covariance / np.outer(spread, spread) + ridge * np.eye(len(spread))
        weights = np.linalg.solve(standardised, with_ldos / spread[:, None]) / spread[:, None]
        return cls(weights, (m.y - m.x @ weights) / m.count)

    def squared_error(self, m: Moments) -> float:
        """Sum over points and energies."""
        w, b = self.weights, self.intercept
        cross = 2 * (w * m.xy).sum() + 2 * b @ m.y
        squares = (w * (m.xx @ w)).sum() + 2 * b @ (m.x @ w) + m.count * b @ b
        return max(0.0, float(m.yy - cross + squares))

    def mean_error(self, m: Moments) -> NDArray[np.float64]:
        """Error of the mean over the points, per energy."""
        error: NDArray[np.float64] = (m.y - m.x @ self.weights) / m.count - self.intercept
        return error
