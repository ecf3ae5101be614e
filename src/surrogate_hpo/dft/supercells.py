"""Supercells of a crystal in all their shapes: sublattices, reduced, ranked by compactness."""

import itertools
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Share of a squared length below which two lengths are one: lattices have many equal ones, and
# rounding must not decide between them.
_TIE = 1e-9
# Å; sites that differ by less are one.
_SAME_SITE = 1e-3
# Each round shortens a vector; tens are needed for cells of thousands of atoms.
_MOST_ROUNDS = 1000
_SMALL = (-1, 0, 1)


def hermite_normal_forms(index: int) -> Integers:
    r"""All sublattices of an index, a matrix each.

    Upper triangular :math:`H` of determinant :math:`n`, with :math:`0 \le H_{ij} < H_{jj}` above
    the diagonal: the rows of :math:`H A` span each sublattice of the lattice :math:`A` once
    (Santoro and Mighell, Acta Cryst. A 28, 284 (1972)). There are :math:`\sum_{d | n} d \sigma(d)`.

    Parameters
    ----------
    index
        n, the volume in units of the lattice's cell; at least 1.

    Returns
    -------
    ndarray
        Integers, [forms, 3, 3], always in the same order.
    """
    forms = [
        ((a, b, c), (0, d, e), (0, 0, f))
        for a, d, f in _diagonals(index)
        for b, c, e in itertools.product(range(d), range(f), range(f))
    ]
    return np.array(forms, dtype=np.int64)


def _diagonals(index: int) -> Iterator[tuple[int, int, int]]:
    for first in (a for a in range(1, index + 1) if index % a == 0):
        rest = index // first
        for second in (d for d in range(1, rest + 1) if rest % d == 0):
            yield first, second, rest // second


def reduced(matrices: Integers, cell: Floats) -> Integers:
    r"""Minkowski-reduce lattices: the shortest vectors that span each, shortest first.

    In three dimensions it suffices that no vector gets shorter by adding -1, 0 or 1 times those
    before it (Nguyen and Stehlé, ACM Trans. Algorithms 5, 46 (2009)); then their lengths are the
    lattice's successive minima.

    Parameters
    ----------
    matrices
        Integers, [lattices, 3, 3]: the rows of each matrix times `cell` span a lattice.
    cell
        Lattice vectors in Å as rows, [3, 3].

    Returns
    -------
    ndarray
        Integers, [lattices, 3, 3]: the same lattices.
    """
    rows = np.array(matrices, dtype=np.int64)
    for _ in range(_MOST_ROUNDS):
        rows = _sorted(rows, cell)
        shorter = rows.copy()
        shorter[:, 1] -= _times(rows[:, 1], rows[:, 0], cell)
        shorter[:, 2] -= _times(rows[:, 2], shorter[:, 1], cell)
        shorter[:, 2] -= _times(shorter[:, 2], rows[:, 0], cell)
        shorter[:, 2] = _shortest_sum(shorter, cell)
        if np.array_equal(shorter, rows):
            break
        rows = shorter
    return rows


def _times(vector: Integers, by: Integers, cell: Floats) -> Integers:
    """The whole multiple of `by` that shortens `vector` most; none where it gains nothing."""
    v, b = vector @ cell, by @ cell
    ratio = (v * b).sum(axis=1) / (b * b).sum(axis=1)
    whole = np.sign(ratio) * np.ceil(np.abs(ratio) - 0.5 - _TIE)
    multiples: Integers = whole.astype(np.int64)[:, None] * by
    return multiples


def _shortest_sum(rows: Integers, cell: Floats) -> Integers:
    """Third vector with small multiples of the first two, as it is where none is shorter."""
    best = rows[:, 2]
    length = _squares(best, cell)
    for first, second in itertools.product(_SMALL, _SMALL):
        other = rows[:, 2] + first * rows[:, 0] + second * rows[:, 1]
        squares = _squares(other, cell)
        shorter = squares < length * (1 - _TIE)
        best = np.where(shorter[:, None], other, best)
        length = np.where(shorter, squares, length)
    return best


def _squares(vectors: Integers, cell: Floats) -> Floats:
    cartesian: Floats = vectors @ cell
    squares: Floats = (cartesian * cartesian).sum(axis=-1)
    return squares


def _sorted(rows: Integers, cell: Floats) -> Integers:
    squares = _squares(rows, cell)
    ranks = np.rint(squares / squares.max() / _TIE)
    order = np.argsort(ranks, axis=1, kind="stable")
    return np.take_along_axis(rows, order[:, :, None], axis=1)


def supercells(primitive: Atoms, index: int, *, count: int | None = None) -> list[Integers]:
    """Distinct supercells of some number of primitive cells, the most compact first.

    Two sublattices are the same shape if a symmetry of the crystal turns one into the other.
    Compact means a long shortest lattice vector, and among equal ones a short longest vector.

    Parameters
    ----------
    primitive
        The crystal, Å.
    index
        Number of primitive cells in a supercell.
    count
        How many of the most compact; all by default.

    Returns
    -------
    list of ndarray
        Integers, [3, 3], right-handed: the rows times the primitive cell are the Minkowski-reduced
        supercell. The order does not depend on `count`.
    """
    basis = reduced(np.eye(3, dtype=np.int64)[None], primitive.cell[:])[0]
    cell = basis @ primitive.cell[:]
    forms = hermite_normal_forms(index)
    matrices = reduced(forms, cell)
    minima = np.sqrt(_squares(matrices, cell)) / abs(np.linalg.det(cell)) ** (1 / 3)
    ranks = np.round(minima, 6)
    order = np.lexsort((ranks[:, 1], ranks[:, 2], -ranks[:, 0]))
    rotations = _rotations(primitive, basis)
    found: list[int] = []
    for candidate in order:
        rivals = [i for i in found if np.array_equal(ranks[i], ranks[candidate])]
        if not _alike(forms[candidate], forms[rivals], rotations):
            found.append(int(candidate))
        if len(found) == count:
            break
    sides = np.sign(np.linalg.det(matrices[found] @ cell)).astype(np.int64)
    return [side * (matrices[i] @ basis) for side, i in zip(sides, found, strict=True)]


def _alike(form: Integers, others: Integers, rotations: Integers) -> bool:
    """Whether a rotation of the lattice turns it into one of the others."""
    if not len(others):
        return False
    # H1 W = U H2 with whole U: the same lattice.
    products = np.einsum("ij,rjk,okl->roil", form, rotations, np.linalg.inv(others))
    whole = np.abs(products - np.rint(products)) < 1e-6
    return bool(whole.all(axis=(2, 3)).any())


def _rotations(atoms: Atoms, basis: Integers) -> Integers:
    """Point group of a crystal: whole W, such that f -> f W turns it, [operations, 3, 3]."""
    cell = basis @ atoms.cell[:]
    gram = cell @ cell.T
    every = np.array(list(itertools.product(_SMALL, repeat=9)), dtype=np.int64).reshape(-1, 3, 3)
    turned = every @ gram @ every.transpose(0, 2, 1)
    lattice = every[np.abs(turned - gram).max(axis=(1, 2)) < 1e-6 * gram.max()]
    places = atoms.positions @ np.linalg.inv(cell)
    kept = [rotation for rotation in lattice if _keeps(rotation, places, atoms.numbers, cell)]
    return np.array(kept)


def _keeps(rotation: Integers, places: Floats, numbers: NDArray[np.integer], cell: Floats) -> bool:
    """Whether atoms come to lie on equal ones by the rotation and some translation."""
    turned = places @ rotation
    equal = numbers[:, None] == numbers[None]
    for target in places[numbers == numbers[0]]:
        apart = (turned + target - turned[0])[:, None] - places[None]
        apart -= np.rint(apart)
        near = np.linalg.norm(apart @ cell, axis=2) < _SAME_SITE
        if (near & equal).any(axis=1).all():
            return True
    return False


def shaped_supercell(primitive: Atoms, number: int, *, shape: int) -> Atoms:
    """Supercell of a number of atoms, in one of its shapes.

    Parameters
    ----------
    primitive
        The crystal, Å.
    number
        Atoms of the supercell.
    shape
        Which of them, from 0, the most compact; counted again from 0 where there are fewer.

    Returns
    -------
    ase.Atoms
        Atoms at their sites, Å, with a Minkowski-reduced cell and its shape in `info["shape"]`.

    Raises
    ------
    ConfigError
        If the number is no multiple of the primitive cell's.
    """
    index, rest = divmod(number, len(primitive))
    if rest or index < 1:
        raise ConfigError(
            "no supercell has this number of atoms",
            where="supercell_atoms",
            expected=f"a multiple of {len(primitive)}, the atoms of the primitive cell",
            got=str(number),
        )
    parts = (
        np.ascontiguousarray(primitive.cell[:]),
        primitive.positions,
        np.int64(primitive.numbers),
    )
    matrices = _remembered(*(part.tobytes() for part in parts), index, shape + 1)
    chosen = shape % len(matrices)
    atoms: Atoms = make_supercell(primitive, matrices[chosen])
    atoms.info["shape"] = chosen
    return atoms


@lru_cache(maxsize=64)
def _remembered(
    cell: bytes, positions: bytes, numbers: bytes, index: int, count: int
) -> list[Integers]:
    """Supercells of a crystal; many snapshots share one."""
    primitive = Atoms(
        np.frombuffer(numbers, dtype=np.int64),
        np.frombuffer(positions).reshape(-1, 3),
        cell=np.frombuffer(cell).reshape(3, 3),
        pbc=True,
    )
    return supercells(primitive, index, count=count)
