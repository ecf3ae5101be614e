"""Structures whose atoms lie upon each other, or upon their own images."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

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
