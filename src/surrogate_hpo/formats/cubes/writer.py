"""Gaussian cube files, which every viewer of densities reads."""

from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.units import BOHR_ANGSTROM

_PER_LINE = 6


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
    shape = density.shape
    voxels = atoms.cell[:] / np.array(shape)[:, None] / BOHR_ANGSTROM
    full, rest = divmod(shape[2], _PER_LINE)
    value = "%15.7E"
    row = (value * _PER_LINE + "\n") * full + (value * rest + "\n" if rest else "")
    with replacing(path) as partial, partial.open("w", encoding="ascii") as stream:
        stream.write(f"{comment}\nelectron density in 1/bohr^3, x outermost, z innermost\n")
        stream.write(_line(len(atoms), np.zeros(3)))
        for count, voxel in zip(shape, voxels, strict=True):
            stream.write(_line(count, voxel))
        for number, position in zip(atoms.numbers, atoms.positions / BOHR_ANGSTROM, strict=True):
            stream.write(_line(number, [number, *position]))
        for plane in density:
            for column in (plane * BOHR_ANGSTROM**3).tolist():
                stream.write(row % tuple(column))


def _line(count: int, values: object) -> str:
    return f"{count:6d}" + "".join(f"{value:14.8f}" for value in np.asarray(values)) + "\n"
