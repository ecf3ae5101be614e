"""A band-limited field on half as many points along each axis, with the same integral."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def coarse_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Number of points along each axis of the coarse grid.

    Parameters
    ----------
    shape
        Number of points along each axis of the grid of the calculation.

    Returns
    -------
    tuple of int
        Half of it, rounded up.
    """
    first, second, third = (-(-points // 2) for points in shape)
    return first, second, third


def coarse_points(shape: tuple[int, int, int], cell: FloatArray) -> FloatArray:
    """Cartesian coordinates of the points of a grid of this shape.

    Parameters
    ----------
    shape
        Number of points along each cell vector.
    cell
        Cell vectors as rows, Å, shape (3, 3).

    Returns
    -------
    numpy.ndarray
        Shape (points, 3), Å, the last axis of the grid fastest.
    """
    axes = (np.arange(points) / points for points in shape)
    fractions = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.asarray(fractions.reshape(-1, 3) @ cell)


def sample_coarsely(values: NDArray[np.floating], shape: tuple[int, int, int]) -> FloatArray:
    r"""Values of a periodic field at the points of another grid, by its Fourier series.

    A field on n points along an axis has wave numbers up to n/2, and the sum over m points of a
    wave of number g vanishes unless g is a multiple of m. So with the shape of `coarse_shape`
    the mean over the coarse grid is that over the whole grid, up to the part at the very last
    wave number, which is about 1e-9 of an LDOS. Where m = n/2, every other point is taken.

    Parameters
    ----------
    values
        Shape (x, y, z, ...).
    shape
        Number of points along each of the first three axes.

    Returns
    -------
    numpy.ndarray
        Shape (*shape, ...), float64.
    """
    sampled = np.asarray(values, dtype=np.float64)
    for axis, points in enumerate(shape):
        matrix = _sampling(sampled.shape[axis], points)
        sampled = np.moveaxis(np.tensordot(matrix, sampled, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(sampled)


def _sampling(points: int, wanted: int) -> FloatArray:
    """Matrix from the values at some points of a period to those at others."""
    if points % wanted == 0:
        return np.eye(points)[:: points // wanted]
    waves = np.fft.fftfreq(points, 1 / points)
    at_wanted = np.exp(2j * np.pi * np.outer(np.arange(wanted) / wanted, waves))
    to_waves = np.exp(-2j * np.pi * np.outer(waves, np.arange(points) / points)) / points
    return np.real(at_wanted @ to_waves)
