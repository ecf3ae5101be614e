"""Gaussian cube files, which every viewer of densities reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.units import BOHR_ANGSTROM

_PER_LINE = 6
DENSITY = "electron density in 1/bohr^3"
PER_CUBIC_BOHR = BOHR_ANGSTROM**3
"""What makes 1/bohr³ of 1/Å³."""


class CubeWriter:
    """A cube file in the making; see :func:`writing_cube`.

    Parameters
    ----------
    stream
        The open file, behind its header.
    points
        Number of grid points along the last cell vector.
    factor
        What makes the file's unit of that of the values.
    """

    def __init__(self, stream: IO[str], points: int, factor: float) -> None:
        self._stream, self._factor = stream, factor
        full, rest = divmod(points, _PER_LINE)
        value = "%15.7E"
        self._row = (value * _PER_LINE + "\n") * full + (value * rest + "\n" if rest else "")

    def write(self, planes: NDArray[np.float64]) -> None:
        """Add the next planes along the first cell vector, [plane, y, z]."""
        for plane in planes:
            for column in (plane * self._factor).tolist():
                self._stream.write(self._row % tuple(column))


@contextmanager
def writing_cube(
    path: Path,
    shape: tuple[int, int, int],
    atoms: Atoms,
    comment: str,
    *,
    quantity: str = DENSITY,
    factor: float = PER_CUBIC_BOHR,
) -> Iterator[CubeWriter]:
    """Write a cube file plane by plane; it appears when the block ends well.

    Parameters
    ----------
    path
        The file.
    shape
        Number of grid points along each cell vector.
    atoms
        The structure, Å.
    comment
        First line of the file.
    quantity
        What it holds, with the unit.
    factor
        What makes this unit of that of the values that are given.

    Yields
    ------
    CubeWriter
        Takes the planes, in their order.
    """
    voxels = atoms.cell[:] / np.array(shape)[:, None] / BOHR_ANGSTROM
    with replacing(path) as partial, partial.open("w", encoding="ascii") as stream:
        stream.write(f"{comment}\n{quantity}, x outermost, z innermost\n")
        stream.write(_line(len(atoms), np.zeros(3)))
        for count, voxel in zip(shape, voxels, strict=True):
            stream.write(_line(count, voxel))
        for number, position in zip(atoms.numbers, atoms.positions / BOHR_ANGSTROM, strict=True):
            stream.write(_line(number, [number, *position]))
        yield CubeWriter(stream, shape[2], factor)


def write_cube(path: Path, density: NDArray[np.float64], atoms: Atoms, comment: str) -> None:
    """Write a density, atomically, plane by plane.

    Parameters
    ----------
    path
        The file.
    density
        1/Å³ on the grid of the cell, [x, y, z]; written in 1/bohr³, as lengths are in bohr.
    atoms
        The structure, Å.
    comment
        First line of the file.
    """
    x, y, z = density.shape
    with writing_cube(path, (x, y, z), atoms, comment) as writer:
        writer.write(density)


def _line(count: int, values: object) -> str:
    return f"{count:6d}" + "".join(f"{value:14.8f}" for value in np.asarray(values)) + "\n"
