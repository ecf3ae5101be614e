"""Structures whose atoms, cell or images are more than can be gone through."""

import contextlib
import re
from collections import deque
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError

_LARGEST_ANGSTROM = 1e6
# Of a cell within reach: 200 of the smallest primitive cells.
_MOST_IMAGES = 10_000
_PROPERTIES = re.compile(rb"""Properties\s*=\s*("[^"]*"|'[^']*'|\{[^}]*\}|\S+)""")


def check_extent(atoms: Atoms, reach: float, where: str) -> None:
    """Raise DataError if the neighbours of a structure cannot be listed in bounded memory.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    reach
        Largest distance of neighbours, Å.
    where
        What to name in messages.

    Raises
    ------
    DataError
        There are too many atoms, lengths without sense, unknown elements, or so flat a cell that
        an atom has very many images within reach.
    """
    if len(atoms) > limits.ATOMS:
        raise _refused("has more atoms than DFT can treat", where, limits.ATOMS, len(atoms))
    largest = max(np.abs(atoms.cell.array).max(), np.abs(atoms.positions).max())
    if not largest < _LARGEST_ANGSTROM:
        raise _refused("has lengths without sense", where, f"{_LARGEST_ANGSTROM:g} Å", largest)
    if not (atoms.numbers.min() >= 0 and atoms.numbers.max() < len(covalent_radii)):
        most = f"atomic numbers up to {len(covalent_radii) - 1}"
        raise _refused("has unknown elements", where, most, atoms.numbers.max())
    heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    images = float(np.prod(2 * reach / heights + 1))
    if not images < _MOST_IMAGES:
        most = f"{_MOST_IMAGES} images within {reach:.1f} Å"
        found = f"heights of {heights.min():.3g} to {heights.max():.3g} Å"
        raise _refused("has a cell that is too flat", where, most, found)


def check_counts(path: Path) -> None:
    """Raise DataError if a number of atoms or columns in an xyz file is larger than the file.

    ASE would read as many lines, which do not exist, or name as many columns, one by one.

    Parameters
    ----------
    path
        A structure file of any form; of others the first line is no number alone.

    Raises
    ------
    DataError
        If a frame's is larger.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        while (line := stream.readline(limits.NUMBER_CHARACTERS).strip()).isdigit():
            if int(line) > size:
                raise _refused(
                    "has more atoms than its file has bytes", str(path), size, line.decode()
                )
            columns = _columns(stream.readline())
            if columns > size:
                raise _refused(
                    "has more columns than its file has bytes", str(path), size, f"{columns:.3g}"
                )
            deque(islice(stream, int(line)), maxlen=0)


def _columns(comment: bytes) -> float:
    """Columns of an atom, of the comment of an extended xyz file."""
    found = _PROPERTIES.search(comment)
    words = found[1].strip(b"\"'{}").split(b":") if found else []
    total = 0.0
    for word in words:
        # What is no number to Python, ASE refuses by itself.
        with contextlib.suppress(ValueError, OverflowError):
            total += int(word)
    return total


def _refused(what: str, where: str, most: object, got: object) -> DataError:
    return DataError(
        f"the structure {what}",
        where=where,
        expected=f"at most {most}",
        got=str(got),
        remedy="check that lengths are in Å; look for what wrote the file",
    )
