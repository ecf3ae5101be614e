"""Real-space grids of points in the index order of the LDOS stores."""

from collections.abc import Iterator

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


def grid_blocks(
    shape: tuple[int, int, int], cell: ArrayLike, *, block: int
) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Walk through a grid in blocks of points, so that it never is in memory as a whole.

    Parameters
    ----------
    shape
        Number of points along each cell vector, (n_x, n_y, n_z).
    cell
        Cell vectors as rows, Å, [3, 3].
    block
        Largest number of points at a time.

    Yields
    ------
    slice, array [at most block, 3]
        The block's place among all points of :func:`grid_points`, and their coordinates, Å.

    Raises
    ------
    ConfigError
        If `shape` or `block` are not positive integers.
    DataError
        If the cell is not three independent finite vectors.
    """
    check_positive_integer("block", block)
    n_points = _size(shape)
    for begin in range(0, n_points, block):
        part = slice(begin, min(begin + block, n_points))
        yield part, grid_points(shape, cell, indices=np.arange(part.start, part.stop))


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
