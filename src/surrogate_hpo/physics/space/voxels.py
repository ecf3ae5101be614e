"""A field on a grid seen in coarser voxels: their mean and largest values, plane by plane."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]


def voxel_shape(shape: Shape, cell: FloatArray, spacing: float) -> Shape:
    """Number of voxels along each cell vector.

    Parameters
    ----------
    shape
        Number of points of the grid along each cell vector.
    cell
        Cell vectors as rows, Å, [3, 3].
    spacing
        Wanted length of a voxel's edges, Å.

    Returns
    -------
    tuple of int
        So many that the edges are no longer, but no more than points.

    Raises
    ------
    ConfigError
        If the spacing is not a positive length.
    """
    if not 0 < spacing < np.inf:
        raise ConfigError(
            "the spacing of a map is not a positive length",
            where="map-spacing-angstrom",
            expected="a number above 0, in Å; 1 is usual",
            got=f"{spacing:g}",
        )
    lengths = np.linalg.norm(cell, axis=1)
    x, y, z = (
        min(points, max(1, int(np.ceil(length / spacing - 1e-9))))
        for points, length in zip(shape, lengths, strict=True)
    )
    return x, y, z


class Voxels:
    """Means and largest values of fields in voxels around the points of a coarser grid.

    Voxel v along a cell vector has the points nearest to v/V of it, so that it lies around the
    point v of a grid of the voxels' number. As one number of points seldom divides the other, some
    voxels have a point more than others.

    Parameters
    ----------
    shape
        Number of points of the grid along each cell vector.
    voxels
        Number of voxels along each, no more than points.
    fields
        Number of fields.
    """

    def __init__(self, shape: Shape, voxels: Shape, fields: int) -> None:
        self.shape = voxels
        self._labels = [
            np.floor(np.arange(n) * v / n + 0.5).astype(np.intp) % v
            for n, v in zip(shape, voxels, strict=True)
        ]
        self._sums = np.zeros((fields, *voxels))
        self._largest = np.full((fields, *voxels), -np.inf)

    def add(self, begin: int, fields: FloatArray) -> None:
        """Take note of some planes.

        Parameters
        ----------
        begin
            Number of the first plane along the first cell vector.
        fields
            [field, plane, y, z].
        """
        labels = self._labels[0][begin : begin + fields.shape[1]]
        sums, largest = fields, fields
        for axis in (3, 2):
            sums = _gathered(np.add, sums, self._labels[axis - 1], axis)
            largest = _gathered(np.maximum, largest, self._labels[axis - 1], axis)
        for plane, voxel in enumerate(labels):
            self._sums[:, voxel] += sums[:, plane]
            np.maximum(self._largest[:, voxel], largest[:, plane], out=self._largest[:, voxel])

    @property
    def points(self) -> NDArray[np.int64]:
        """Number of points of each voxel, [x, y, z]."""
        x, y, z = (
            np.bincount(labels, minlength=voxels)
            for labels, voxels in zip(self._labels, self.shape, strict=True)
        )
        return np.asarray(x[:, None, None] * y[:, None] * z, np.int64)

    @property
    def means(self) -> FloatArray:
        """Mean over the points of each voxel, [field, x, y, z]."""
        return np.asarray(self._sums / self.points, np.float64)

    @property
    def largest(self) -> FloatArray:
        """Largest value in each voxel, [field, x, y, z]."""
        return self._largest


def _gathered(
    operation: np.ufunc, fields: FloatArray, labels: NDArray[np.intp], axis: int
) -> NDArray[Any]:
    """Combine what has the same label along an axis; all labels from 0 on occur."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 1))
    return np.asarray(operation.reduceat(np.take(fields, order, axis=axis), starts, axis=axis))
