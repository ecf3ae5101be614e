"""Real-space grids of points in the index order of the LDOS stores."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.validation import check_positive_integer, checked_cell
from surrogate_hpo.errors import ConfigError


def grid_points(
    shape: tuple[int, int, int], cell: ArrayLike, *, indices: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Compute the Cartesian coordinates of the points of a periodic grid.

    Point (x, y, z) lies at x/n_x·a + y/n_y·b + z/n_z·c. Points are numbered as the elements
    of an array [x, y, z] in C order, z fastest: ``B.reshape(*shape, -1)`` is on the grid.

    Parameters
    ----------
    shape
        Number of points along each cell vector, (n_x, n_y, n_z).
    cell
        Cell vectors as rows, Å, [3, 3].
    indices
        Numbers of the wanted points, [P]; all of the grid if absent.

    Returns
    -------
    array [P, 3]
        Cartesian coordinates, Å.

    Raises
    ------
    ConfigError
        If `shape` is not three positive integers, or an index lies outside the grid.
    DataError
        If the cell is not three independent finite vectors.
    """
    lattice = checked_cell(cell)
    n_points = _size(shape)
    flat = np.arange(n_points) if indices is None else np.asarray(indices)
    if flat.size and (flat.min() < 0 or flat.max() >= n_points):
        raise ConfigError(
            "A point lies outside the grid.",
            where="indices",
            expected=f"0 … {n_points - 1} for the grid {tuple(shape)}",
            got=f"{flat.min()} … {flat.max()}",
        )
    scaled = np.stack(np.unravel_index(flat, shape), axis=-1) / np.array(shape)
    return np.asarray(scaled @ lattice, np.float64)


@dataclass(frozen=True)
class GridBox:
    """Part of a grid: all points with begin ≤ index < end along each cell vector.

    Attributes
    ----------
    begin
        First index along each cell vector.
    end
        One past the last index along each cell vector.
    """

    begin: tuple[int, int, int]
    end: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of points along each cell vector."""
        x, y, z = (end - begin for begin, end in zip(self.begin, self.end, strict=True))
        return x, y, z

    @property
    def size(self) -> int:
        """Number of points."""
        return prod(self.shape)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box's place in an array [x, y, z, …] on the grid."""
        x, y, z = (slice(*limits) for limits in zip(self.begin, self.end, strict=True))
        return x, y, z

    def points(self, shape: tuple[int, int, int], cell: ArrayLike) -> NDArray[np.float64]:
        """Compute the Cartesian coordinates of the box's points, Å, [P, 3], z fastest."""
        axes = (np.arange(*limits) for limits in zip(self.begin, self.end, strict=True))
        indices = np.ravel_multi_index(np.meshgrid(*axes, indexing="ij"), shape)
        return grid_points(shape, cell, indices=indices.ravel())


def grid_boxes(
    shape: tuple[int, int, int], chunk: tuple[int, int, int], *, points: int
) -> Iterator[GridBox]:
    """Cut a grid into boxes of whole chunks, so that it never is in memory as a whole.

    Parameters
    ----------
    shape
        Number of points along each cell vector, (n_x, n_y, n_z).
    chunk
        Points of a chunk along each cell vector; chunks at the end may be smaller.
    points
        Chunks that follow each other along x are joined while they hold at most so many points;
        a single chunk is never cut.

    Yields
    ------
    GridBox
        Each point of the grid is in one of them; x slowest.

    Raises
    ------
    ConfigError
        If `shape`, `chunk` or `points` are not positive integers.
    """
    for checked in (shape, chunk):
        _size(checked)
    check_positive_integer("points", points)
    n_x, n_y, n_z = shape
    joined = chunk[0] * max(1, points // _size(chunk)) if chunk[1:] == (n_y, n_z) else chunk[0]
    steps = (range(0, n_x, joined), range(0, n_y, chunk[1]), range(0, n_z, chunk[2]))
    for x, y, z in product(*steps):
        end = (min(x + joined, n_x), min(y + chunk[1], n_y), min(z + chunk[2], n_z))
        yield GridBox((x, y, z), end)


def _size(shape: tuple[int, int, int]) -> int:
    if len(shape) != 3:
        raise ConfigError(
            "The grid is not three-dimensional.",
            where="shape",
            expected="(n_x, n_y, n_z)",
            got=str(tuple(shape)),
        )
    for axis, count in zip("xyz", shape, strict=True):
        check_positive_integer(f"shape[{axis}]", count)
    return int(np.prod(shape))
