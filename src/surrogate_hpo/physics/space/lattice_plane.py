"""Planes through a periodic cell by their Miller indices, and fields on them."""

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Triple = tuple[int, int, int]
# Beyond, a plane shows the same few atoms again and again.
LARGEST_INDEX = 9


class LatticePlane:
    r"""One period of the plane :math:`h x + k y + l z = p` of a cell, sampled evenly.

    x, y and z are fractions of the cell vectors; planes with p and p + 1 are the same but for a
    translation by a lattice vector. Values between the points of the grid are interpolated
    linearly along each cell vector from the eight around them, plane by plane of the grid.

    Parameters
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    miller
        h, k and l; whole numbers without a common divisor, not all of them 0.
    place
        p.
    shape
        Number of points of the grid along each cell vector.

    Raises
    ------
    ConfigError
        If the indices make no sense.
    """

    def __init__(self, cell: FloatArray, miller: Triple, place: float, shape: Triple) -> None:
        self._cell, self._grid = cell, shape
        first, second = self._vectors = plane_vectors(cell, miller)
        spacing = float((np.linalg.norm(cell, axis=1) / shape).min())
        lengths = [float(np.linalg.norm(vector @ cell)) for vector in (first, second)]
        self.shape = tuple(max(2, round(length / spacing)) for length in lengths)
        offset = place * _step(miller)
        i, j = np.indices(self.shape).reshape(2, -1) / np.array(self.shape)[:, None]
        self._fractions = offset + i[:, None] * first + j[:, None] * second
        self._values: FloatArray | None = None

    def add(self, begin: int, fields: FloatArray) -> None:
        """Take the part of some planes of the grid in the interpolation.

        Parameters
        ----------
        begin
            Number of the first plane along the first cell vector.
        fields
            [field, plane, y, z].
        """
        if self._values is None:
            self._values = np.zeros((len(fields), len(self._fractions)))
        scaled = self._fractions * np.array(self._grid)
        # A point that is on the grid but for rounding takes the value there.
        scaled = np.where(abs(scaled - np.round(scaled)) < 1e-9, np.round(scaled), scaled)
        low = np.floor(scaled).astype(np.intp)
        beyond = scaled - low
        for corner in product((0, 1), repeat=3):
            x, y, z = ((low + corner) % np.array(self._grid)).T
            weights = np.where(corner, beyond, 1 - beyond).prod(axis=1)
            here = (x >= begin) & (x < begin + fields.shape[1]) & (weights > 0)
            self._values[:, here] += weights[here] * fields[:, x[here] - begin, y[here], z[here]]

    @property
    def values(self) -> FloatArray:
        """Fields on the plane, [field, u, v], when all planes of the grid have been added."""
        if self._values is None:
            msg = "no plane of the grid was added"
            raise ValueError(msg)
        return self._values.reshape(-1, *self.shape)

    @property
    def coordinates(self) -> FloatArray:
        """Place of each point in the plane, Å, [2, u, v]: along the first vector, and across."""
        first, second = (vector @ self._cell for vector in self._vectors)
        return in_plane(first, second, self.shape)

    @property
    def names(self) -> tuple[str, str]:
        """Both vectors of the period as directions, [u v w]."""
        first, second = (f"[{' '.join(map(str, vector))}]" for vector in self._vectors)
        return first, second


def in_plane(first: FloatArray, second: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Places of evenly spaced points of the period of a plane.

    Parameters
    ----------
    first
        Vector of the period, Å, [3].
    second
        The other one.
    shape
        Number of points along both.

    Returns
    -------
    array
        Å, [2, u, v]: along the first vector, and perpendicular to it.
    """
    length = float(np.linalg.norm(first))
    along = float(second @ first) / length
    across = math.sqrt(max(0.0, float(second @ second) - along**2))
    i, j = np.indices(shape) / np.array(shape)[:, None, None]
    return np.stack([i * length + j * along, j * across])


def plane_vectors(cell: FloatArray, miller: Triple) -> tuple[IntArray, IntArray]:
    """Short lattice vectors that span one period of a lattice plane.

    Parameters
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    miller
        Indices of the plane.

    Returns
    -------
    array, array
        In cell vectors, [3] each; their cross product is the indices.

    Raises
    ------
    ConfigError
        If the indices are all 0, beyond 9, or have a common divisor.
    """
    normal = np.array(miller)
    largest = int(abs(normal).max())
    if math.gcd(*miller) != 1 or largest > LARGEST_INDEX:
        raise ConfigError(
            "the Miller indices of a plane make no sense",
            where="miller",
            expected=f"three whole numbers without a common divisor, up to {LARGEST_INDEX}",
            got=" ".join(map(str, miller)),
        )
    within = np.array(list(product(range(-largest, largest + 1), repeat=3)))
    within = within[(within @ normal == 0) & within.any(axis=1)]
    # The sign of a vector: its first component that is not 0 is positive.
    leading = np.take_along_axis(within, (within != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    within = within[leading > 0]
    lengths = np.linalg.norm(within @ cell, axis=1)
    within = within[np.argsort(np.round(lengths, 9), kind="stable")]
    for number, first in enumerate(within):
        for second in within[number + 1 :]:
            cross = np.cross(first, second)
            if (cross == normal).all():
                return first, second
            if (cross == -normal).all():
                return second, first
    msg = f"no vectors in the lattice plane {miller}"  # pragma: no cover
    raise AssertionError(msg)


def _step(miller: Triple) -> FloatArray:
    """A step along a cell vector that leads from a plane to the next one, p + 1."""
    axis = int(np.flatnonzero(miller)[0])
    return np.asarray(np.eye(3)[axis] / miller[axis], np.float64)
