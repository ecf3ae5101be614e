"""Gaussian cube files: one quantity on a grid, as text."""

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError
from surrogate_hpo.limits import require_size
from surrogate_hpo.units import BOHR_ANGSTROM

# Characters of a line of the header; of an atom (four numbers and a charge), and of a value.
_LINE = 4096
_LEAST_ATOM, _LEAST_VALUE, _MOST_VALUE = 10, 2, 100
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Cube:
    """One cube file.

    Attributes
    ----------
    comment
        Second line of the file.
    cell
        Cell vectors as rows, Å, shape (3, 3).
    positions
        Of the atoms, Å, shape (atoms, 3).
    values
        Values in the file's own unit, shape (x, y, z).
    """

    comment: str
    cell: FloatArray
    positions: FloatArray
    values: FloatArray


def read_cube(path: Path) -> Cube:
    """Read a Gaussian cube file with lengths in bohr.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Cube
        Cell in Å, values as they are.

    Raises
    ------
    DataError
        The file is missing, cut off or not a cube file.
    """
    require_size(path, limits.CUBE_BYTES, "cube file")
    try:
        with path.open() as stream:
            comment = [stream.readline(_LINE).strip() for _ in range(2)][1]
            atoms = int(stream.readline(_LINE).split()[0])
            rows = [stream.readline(_LINE).split() for _ in range(3)]
            shape = [int(row[0]) for row in rows]
            voxels = np.array([[float(word) for word in row[1:4]] for row in rows])
            _check_counts(atoms, shape, path)
            lines = [stream.readline(_LINE).split()[2:5] for _ in range(atoms)]
            positions = np.array(lines, dtype=np.float64).reshape(-1, 3)
            body = stream.read()
    except OSError as error:
        raise DataError("the cube file cannot be read", where=str(path), got=str(error)) from error
    except (ValueError, IndexError) as error:
        raise DataError("not a cube file", where=str(path), got=str(error)) from error
    if not all(np.isfinite(a).all() for a in (voxels, positions)) or voxels.shape != (3, 3):
        raise DataError(
            "the cube file's header is not supported",
            where=str(path),
            expected="three finite vectors, and a finite position of each atom",
            got=f"{voxels.tolist()}"[:200],
        )
    values = _parse(body, path)
    if len(values) != np.prod(shape) or not np.isfinite(values).all():
        raise DataError(
            "the cube file is damaged or cut off",
            where=str(path),
            expected=f"{np.prod(shape)} finite values",
            got=f"{len(values)}",
            remedy="run pp.x again",
        )
    cell = voxels * np.array(shape)[:, None] * BOHR_ANGSTROM
    return Cube(comment, cell, positions * BOHR_ANGSTROM, values.reshape(shape))


def _check_counts(atoms: int, shape: list[int], path: Path) -> None:
    """Counts that the file is too small for, or too large, are refused before they are used."""
    if min(shape) <= 0 or atoms < 0:
        raise DataError(
            "the cube file's header is not supported",
            where=str(path),
            expected="three positive counts (lengths in bohr), each with a vector; no data sets",
            got=f"{shape}"[:100],
        )
    points, size = math.prod(shape), path.stat().st_size
    least = _LEAST_ATOM * atoms + _LEAST_VALUE * points
    most = 6 * _LINE + _LINE * atoms + _MOST_VALUE * points
    if not least <= size <= most:
        raise DataError(
            "the cube file is damaged or cut off",
            where=str(path),
            expected=f"{least} to {most} bytes for {atoms} atoms and {points} finite values",
            got=f"{size} bytes",
            remedy="run pp.x again",
        )


def _parse(body: str, path: Path) -> FloatArray:
    # Fortran drops the E of three-digit exponents: 0.12345-100.
    if re.search(r"\d-\d{3}\b", body):
        body = re.sub(r"(\d)(-\d{3})\b", r"\1E\2", body)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return np.fromstring(body, sep=" ")
        except (ValueError, DeprecationWarning) as error:
            raise DataError(
                "the cube file holds something that is not a number",
                where=str(path),
                got=str(error),
                remedy="run pp.x again",
            ) from error
