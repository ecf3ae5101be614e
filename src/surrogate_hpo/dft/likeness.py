"""Which atomic structures are the same, or nearly, whatever their files are called."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Å. What a change of format or of units leaves of equal numbers.
SAME_TO = 1e-5
# Wave vectors of the structure factors by which candidates are found, one of each pair ±G.
_WAVES = np.array([g for g in itertools.product((-1, 0, 1), repeat=3) if g > (0, 0, 0)])
# Largest |dS| per atom that displacements by SAME_TO can make; cells are longer than 1 Å.
_SIGNATURE_TOLERANCE = 2 * np.pi * np.sqrt(3) * SAME_TO
# Share of the lengths: frames of one trajectory under constant pressure are still compared.
_SIMILAR_CELLS = 0.05


def equal_pairs(structures: Sequence[Atoms]) -> Iterator[tuple[int, int]]:
    """Find structures that are the same crystal.

    Positions may differ by multiples of the lattice vectors, by a shift of the whole, in their
    order, and with the cell by a rotation. The magnitudes of the structure factors
    S(G) = sum_j exp(-i G R_j) of each element, which none of this changes, find the candidates.

    Parameters
    ----------
    structures
        Periodic, Å.

    Yields
    ------
    tuple of int
        Indices of a later structure and of the first one that is the same.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    signatures = [_signature(atoms) for atoms in structures]
    for index, atoms in enumerate(structures):
        earlier = groups.setdefault(tuple(sorted(atoms.numbers)), [])
        apart = (abs(signatures[other] - signatures[index]).max() for other in earlier)
        tolerance = _SIGNATURE_TOLERANCE * len(atoms)
        likely = (other for other, a in zip(earlier, apart, strict=True) if a < tolerance)
        same = (other for other in likely if are_same(atoms, structures[other]))
        if (first := next(same, None)) is not None:
            yield index, first
        else:
            earlier.append(index)


def _signature(atoms: Atoms) -> Floats:
    """Cell in a standard orientation, and |S(G)| of each element; [6 + elements * waves]."""
    fractions = atoms.get_scaled_positions(wrap=False)
    phases = np.exp(-2j * np.pi * fractions @ _WAVES.T)
    factors = [abs(phases[atoms.numbers == z].sum(axis=0)) for z in sorted(set(atoms.numbers))]
    return np.concatenate([_standard_cell(atoms)[np.tril_indices(3)], *factors])


def _standard_cell(atoms: Atoms) -> Floats:
    """The cell, rotated so that its matrix is lower triangular; Å, [3, 3].

    Of a left-handed cell the diagonal is negative: mirror images stay apart.
    """
    cell: Floats = atoms.cell.standard_form()[0][:]
    return cell


def are_same(one: Atoms, other: Atoms) -> bool:
    """Whether two structures are the same crystal, as `equal_pairs` has it.

    Parameters
    ----------
    one
        Periodic structure, Å.
    other
        The same.

    Returns
    -------
    bool
        True where no length of the cell and no position differs by more than 1e-5 Å.
    """
    if sorted(one.numbers) != sorted(other.numbers):
        return False
    cell = _standard_cell(one)
    if abs(cell - _standard_cell(other)).max() > SAME_TO:
        return False
    places = [atoms.get_scaled_positions(wrap=False) for atoms in (one, other)]
    rarest = min(set(one.numbers), key=lambda z: np.count_nonzero(one.numbers == z))
    start = places[0][one.numbers == rarest][0]
    return any(
        _coincide(places[0] + target - start, one.numbers, places[1], other.numbers, cell)
        for target in places[1][other.numbers == rarest]
    )


def _coincide(
    places: Floats,
    numbers: NDArray[np.integer],
    others: Floats,
    other_numbers: NDArray[np.integer],
    cell: Floats,
) -> bool:
    """Whether each atom lies on an equal one; places in units of the lattice vectors."""
    for place, number in zip(places, numbers, strict=True):
        apart = others[other_numbers == number] - place
        apart -= np.rint(apart)
        # The atom that the shift is taken from has an error of its own.
        if np.linalg.norm(apart @ cell, axis=1).min() > 2 * SAME_TO:
            return False
    return True


def frame_distances(structures: Sequence[Atoms]) -> Floats:
    """How far the atoms have moved between frames of one material.

    Parameters
    ----------
    structures
        Periodic, Å.

    Returns
    -------
    ndarray
        Root mean square over the atoms of |R_j' - R_j|, of the nearest images and without the
        motion of the whole, in Å, [n, n]; NaN where elements, their order or the cell differ.
    """
    distances = np.full((len(structures), len(structures)), np.nan)
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, atoms in enumerate(structures):
        groups.setdefault(tuple(atoms.numbers), []).append(index)
    for members in groups.values():
        cells = np.array([structures[i].cell[:] for i in members])
        places = np.array([structures[i].get_scaled_positions(wrap=False) for i in members])
        for row, index in enumerate(members):
            distances[index, members] = _distances(places, cells, row)
    return distances


def _distances(places: Floats, cells: Floats, row: int) -> Floats:
    """Of one frame to all of its material, [n]."""
    mean = (cells + cells[row]) / 2
    longest = np.linalg.norm(mean, axis=2).max(axis=1)
    alike = abs(cells - cells[row]).max(axis=(1, 2)) <= _SIMILAR_CELLS * longest
    moved = places - places[row]
    # By the first atom first: a common shift of half a cell would tear the nearest images apart.
    moved = moved - moved[:, :1]
    moved -= np.rint(moved)
    moved -= moved.mean(axis=1, keepdims=True)
    found = np.sqrt(((moved @ mean) ** 2).sum(axis=2).mean(axis=1))
    distances: Floats = np.where(alike, found, np.nan)
    return distances
