"""Arrays [x, y, z, feature] of finished calculations, opened without being read."""

import tokenize
from itertools import permutations
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.mala.openpmd import open_openpmd

# MALA puts the Cartesian coordinates of the points before the descriptors.
COORDINATES = 3
_COORDINATE_TOLERANCE = 1e-3
_AXES = "xyz"
# The header is a Python literal: what a parser of it raises, and what counts of it may.
_UNREADABLE = (
    OSError, ValueError, EOFError, SyntaxError, TypeError, LookupError, AttributeError,
    ArithmeticError, RecursionError, MemoryError, tokenize.TokenError,
)  # fmt: skip


class GridArray(Protocol):
    """An array on a grid of which the header is known."""

    spacing: NDArray[np.float64] | None
    """Of the grid along the cell vectors, Å; None if the file does not say."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along the three cell vectors, and number of features."""

    def read(self) -> NDArray[np.float32]:
        """All of it, [x, y, z, feature]."""

    def point(self, x: int, y: int, z: int) -> NDArray[np.float64]:
        """All features of one point."""


class NumpyArray:
    """A `.npy` file, mapped into memory.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.spacing: NDArray[np.float64] | None = None
        try:
            # Not np.load, which opens zip archives and offers to unpickle what is neither.
            self._array = np.lib.format.open_memmap(path, mode="r")
        except _UNREADABLE as error:
            raise DataError(
                "the array is damaged or cut off",
                where=str(path),
                expected="a complete .npy file",
                got=f"{type(error).__name__}: {error}"[:300],
                remedy="fetch or copy the file again and compare its checksum",
            ) from error
        if self._array.dtype.kind != "f":
            raise DataError(
                "the array does not hold floating-point numbers",
                where=str(path),
                expected="float32 or float64",
                got=str(self._array.dtype),
            )

        if self._array.size == 0:
            raise DataError(
                "the array is empty",
                where=str(path),
                expected="axes x, y, z, feature, none of length 0",
                got=f"shape {self._array.shape}",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """As in the header."""
        shape: tuple[int, ...] = self._array.shape
        return shape

    def read(self) -> NDArray[np.float32]:
        """All of it as a copy in memory, in single precision."""
        return np.array(self._array, dtype=np.float32, order="C")

    def point(self, x: int, y: int, z: int) -> NDArray[np.float64]:
        """All features of one point."""
        return np.array(self._array[x, y, z], dtype=np.float64)


def open_array(path: Path, quantity: str) -> GridArray:
    """Open an array by its name.

    Parameters
    ----------
    path
        `.npy`, or `.h5` in the openPMD layout of MALA.
    quantity
        Name of the quantity in an openPMD file: `LDOS` or `Bispectrum`.

    Returns
    -------
    GridArray
        Its shape is known, its values are not read.

    Raises
    ------
    DataError
        The file is missing, cut off, or holds something else.
    """
    return open_openpmd(path, quantity) if path.suffix == ".h5" else NumpyArray(path)


def check_shape(array: GridArray, *, grid: tuple[int, int, int], features: int, where: str) -> None:
    """An LDOS must lie on the grid of its calculation, and have as many energies as the window.

    Parameters
    ----------
    array
        The LDOS.
    grid
        Points along the cell vectors.
    features
        Energies of the window.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If it does not; says so if its axes are only in another order.
    """
    if array.shape == (*grid, features):
        return
    shape = array.shape
    if len(shape) == 4 and shape[3] == features:
        orders = [o for o in permutations(range(3)) if tuple(grid[i] for i in o) == shape[:3]]
        remedy = "an array and a sidecar of two calculations were mixed"
        if orders:
            found = ", ".join(_AXES[axis] for axis in orders[0])
            remedy = f"its axes are in the order {found}; transpose it to x, y, z and save it again"
    elif shape[:3] == grid and len(shape) == 4:
        remedy = (
            f"the array has {shape[3]} energies: set ldos.minimum_ev, maximum_ev and spacing_ev "
            "to its window (both ends included)"
        )
    else:
        remedy = "give an array with the axes x, y, z, energy"
    raise DataError(
        "the LDOS does not fit the grid and the energy axis",
        where=where,
        expected=f"shape {(*grid, features)}: x, y, z, energy",
        got=f"shape {shape}",
        remedy=remedy,
    )


def check_spacing(array: GridArray, cell: NDArray[np.float64], *, where: str) -> None:
    """Where an array says how wide its grid is, it must be that of the cell.

    Parameters
    ----------
    array
        The LDOS.
    cell
        Cell vectors as rows, Å.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If it is another cell's.
    """
    if array.spacing is None:
        return
    expected = np.linalg.norm(cell, axis=1) / np.array(array.shape[:3])
    if np.abs(array.spacing - expected).max() > _COORDINATE_TOLERANCE:
        raise DataError(
            "the LDOS lies on the grid of another cell",
            where=where,
            expected=f"a spacing of {expected.round(4).tolist()} Å, as of the snapshot's cell",
            got=f"{array.spacing.round(4).tolist()} Å",
            remedy="LDOS and sidecar are of different snapshots: take the files of one",
        )


def check_coordinates(
    table: GridArray, cell: NDArray[np.float64], grid: tuple[int, int, int], *, where: str
) -> None:
    """The coordinates beside SNAP descriptors must be those of the grid in the cell.

    LAMMPS may have turned the cell, so only lengths and angles are compared.

    Parameters
    ----------
    table
        Descriptors, the first three columns of which are coordinates in Å.
    cell
        Cell vectors as rows, Å.
    grid
        Points along them.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If they are of another cell, another grid, or another order of axes.
    """
    if table.shape[:3] != grid or len(table.shape) != 4 or table.shape[3] <= COORDINATES:
        raise DataError(
            "the descriptors lie on another grid than the LDOS",
            where=where,
            expected=f"shape {grid} and {COORDINATES} columns of coordinates before the components",
            got=f"shape {table.shape}",
        )
    origin = table.point(0, 0, 0)[:COORDINATES]
    last = [np.array([n - 1 if i == axis else 0 for i, n in enumerate(grid)]) for axis in range(3)]
    found = np.array([table.point(*map(int, index))[:COORDINATES] - origin for index in last])
    expected = np.array([index / np.array(grid) @ cell for index in last])
    if _same_metric(found, expected):
        return
    orders = [o for o in permutations(range(3)) if _same_metric(found, expected[list(o)])]
    order = ", ".join(_AXES[axis] for axis in orders[0]) if orders else ""
    raise DataError(
        "the coordinates beside the descriptors are not those of the snapshot's grid",
        where=where,
        expected=f"edges of {np.linalg.norm(expected, axis=1).round(4).tolist()} Å along x, y, z",
        got=f"{np.linalg.norm(found, axis=1).round(4).tolist()} Å",
        remedy=f"its axes are in the order {order}; transpose it"
        if orders
        else "descriptors and sidecar are of different cells: take the files of one snapshot",
    )


def _same_metric(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    scale = max(float(np.linalg.norm(second, axis=1).max()), 1.0)
    return bool(np.abs(first @ first.T - second @ second.T).max() < _COORDINATE_TOLERANCE * scale)
