"""Structures that are too large to go through, or whose atoms lie upon each other."""

import contextlib
import re
from collections import deque
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError

# Share of the sum of covalent radii below which two atoms are taken to overlap. Thermal and even
# strongly compressed solids stay above 0.7.
OVERLAP = 0.5
# Of so many atoms all pairs are looked at: faster than to import a search of neighbours.
_FEW_ATOMS = 32
_Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def refuse_overlap(atoms: Atoms, where: str) -> None:
    """Raise DataError if two atoms of a structure are closer than atoms can be.

    Parameters
    ----------
    atoms
        Periodic structure, Å, whose extent is checked.
    where
        What to name in the message.

    Raises
    ------
    DataError
        With the closest two.
    """
    radii = covalent_radii[atoms.numbers]
    neighbours = _close_pairs if len(atoms) <= _FEW_ATOMS else _neighbour_list
    first, second, distance = neighbours(atoms, 2 * OVERLAP * radii.max())
    share = distance / (radii[first] + radii[second])
    if len(share) and share.min() < OVERLAP:
        worst = int(share.argmin())
        i, j = int(first[worst]), int(second[worst])
        raise DataError(
            "two atoms overlap",
            where=where,
            expected=f"at least {OVERLAP * (radii[i] + radii[j]):.2f} Å between "
            f"{atoms.symbols[i]} and {atoms.symbols[j]}",
            got=f"{distance[worst]:.3f} Å between atoms {i} and {j} (or their images)",
            remedy="check that lengths are in Å and that no atom is given twice",
        )


def _neighbour_list(atoms: Atoms, reach: float) -> _Pairs:
    from ase.neighborlist import neighbor_list  # noqa: PLC0415 - it loads half of SciPy

    first, second, distance = neighbor_list("ijd", atoms, reach)
    return first, second, distance


def _close_pairs(atoms: Atoms, reach: float) -> _Pairs:
    """The same of few atoms, whose extent is checked: all of their images within reach."""
    cell = atoms.cell.array
    inverse = np.linalg.inv(cell)
    scaled = atoms.positions @ inverse
    home = (scaled - np.floor(scaled)) @ cell
    images = [int(count) for count in np.floor(reach * np.linalg.norm(inverse, axis=0)) + 1]
    shifts = np.stack(
        np.meshgrid(*(np.arange(-count, count + 1) for count in images), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    found: list[_Pairs] = []
    for atom in range(len(atoms)):
        distance = np.linalg.norm(home - home[atom] + (shifts @ cell)[:, None], axis=2)
        distance[len(shifts) // 2, atom] = np.inf  # the atom itself, not an image of it
        shift, other = np.nonzero(distance < reach)
        found.append((np.full(len(other), atom), other, distance[shift, other]))
    first, second, lengths = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return first, second, lengths


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
