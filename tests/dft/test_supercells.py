import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.geometry import minkowski_reduce
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.dft.spread import cycled, spread
from surrogate_hpo.dft.strain import strained
from surrogate_hpo.dft.supercells import (
    hermite_normal_forms,
    reduced,
    shaped_supercell,
    supercells,
)
from surrogate_hpo.errors import ConfigError

FCC = bulk("Al", "fcc", a=4.05)


def divisor_sum(n: int) -> int:
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    return sum(d * sum(e for e in divisors if d % e == 0) for d in divisors)


@pytest.mark.parametrize("index", range(1, 17))
def test_there_are_as_many_sublattices_as_the_sum_over_divisors_says(index):
    forms = hermite_normal_forms(index)
    assert len(forms) == len(np.unique(forms, axis=0)) == divisor_sum(index)
    assert np.rint(np.linalg.det(forms)) == pytest.approx(index)
    assert {1: 1, 2: 7, 3: 13, 4: 35}.get(index, len(forms)) == len(forms)


# Numbers of distinct superlattices: Hart and Forcade, Phys. Rev. B 77, 224115 (2008), table IV.
@pytest.mark.parametrize(
    ("crystal", "numbers"),
    [
        (FCC, [1, 2, 3, 7, 5, 10, 7, 20]),
        (bulk("Fe", "bcc", a=2.87), [1, 2, 3, 7, 5, 10, 7, 20]),
        (bulk("Po", "sc", a=3.35), [1, 3, 3, 9, 5, 13, 7, 24]),
    ],
)
def test_distinct_shapes_are_those_of_the_literature(crystal, numbers):
    assert [len(supercells(crystal, n)) for n in range(1, len(numbers) + 1)] == numbers


def test_a_basis_of_lower_symmetry_has_more_shapes():
    cubic = Atoms("Al", cell=[3, 3, 3], pbc=True)
    lopsided = Atoms("AlCu", [[0, 0, 0], [0, 0, 1.2]], cell=[3, 3, 3], pbc=True)
    assert len(supercells(cubic, 2)) == 3
    assert len(supercells(lopsided, 2)) == 5  # z is another axis now
    # Two equal atoms at the centre of a cube break no symmetry.
    centred = Atoms("Al2", [[0, 0, 0], [1.5, 1.5, 1.5]], cell=[3, 3, 3], pbc=True)
    assert len(supercells(centred, 2)) == 3


@given(
    index=st.integers(1, 8),
    cell=st.lists(st.floats(-1, 1), min_size=9, max_size=9),
)
def test_reduction_finds_the_shortest_vectors_of_the_same_lattice(index, cell):
    lattice = 3 * np.eye(3) + np.reshape(cell, (3, 3))
    forms = hermite_normal_forms(index)
    found = reduced(forms, lattice)
    change = found @ np.linalg.inv(forms)
    assert change == pytest.approx(np.rint(change), abs=1e-8)
    assert np.abs(np.linalg.det(change)) == pytest.approx(1)
    for matrix, form in zip(found[:20], forms, strict=False):
        expected = np.linalg.norm(minkowski_reduce(form @ lattice)[0], axis=1)
        assert np.linalg.norm(matrix @ lattice, axis=1) == pytest.approx(np.sort(expected))


@pytest.mark.parametrize("crystal", [FCC, bulk("Mg", "hcp", a=3.21, c=5.21), bulk("Si", a=5.43)])
def test_supercells_hold_the_crystal(crystal):
    for matrix in supercells(crystal, 6):
        assert np.linalg.det(matrix @ crystal.cell[:]) == pytest.approx(6 * crystal.get_volume())
    shortest = [np.linalg.norm(m @ crystal.cell[:], axis=1).min() for m in supercells(crystal, 6)]
    assert shortest == sorted(shortest, reverse=True)
    assert [m.tolist() for m in supercells(crystal, 6, count=2)] == [
        m.tolist() for m in supercells(crystal, 6)[:2]
    ]
    number = len(supercells(crystal, 6))
    for shape in (0, 1, number - 1, number):
        atoms = shaped_supercell(crystal, 6 * len(crystal), shape=shape)
        assert len(atoms) == 6 * len(crystal)
        assert atoms.info["shape"] == shape % number
        assert atoms.get_volume() / len(atoms) == pytest.approx(crystal.get_volume() / len(crystal))
        # Every neighbourhood is that of the crystal.
        nearest = crystal.repeat(3).get_all_distances(mic=True)[0]
        apart = atoms.repeat(3).get_all_distances(mic=True)
        np.fill_diagonal(apart, np.inf)
        assert apart.min(axis=1) == pytest.approx(np.sort(nearest)[1])


def test_the_most_compact_fcc_supercells_are_the_cubic_ones():
    def lengths(atoms: Atoms) -> np.ndarray:
        return np.linalg.norm(atoms.cell[:], axis=1)

    def compact(number: int) -> Atoms:
        return shaped_supercell(FCC, number, shape=0)

    # The rhombohedral 2x2x2 of the primitive cell beats all others of 8 atoms.
    assert lengths(compact(8)) == pytest.approx(2 * 4.05 / np.sqrt(2))
    assert lengths(compact(32)) == pytest.approx(2 * 4.05)


def test_the_primitive_cell_may_be_given_by_long_vectors():
    skew = FCC.copy()
    skew.set_cell(np.array([[1, 0, 0], [3, 1, 0], [-2, 5, 1]]) @ FCC.cell[:])
    one, other = (
        [np.linalg.norm(m @ atoms.cell[:], axis=1) for m in supercells(atoms, 4)]
        for atoms in (FCC, skew)
    )
    assert np.array(one) == pytest.approx(np.array(other))


def test_numbers_that_no_supercell_has_are_refused():
    with pytest.raises(ConfigError, match=r"no supercell.*\n.*supercell_atoms\n.*multiple of 2"):
        shaped_supercell(bulk("Si", a=5.43), 7, shape=0)


def test_strain_changes_all_lengths_alike():
    atoms = FCC.repeat(2)
    stretched = strained(atoms, -3.0)
    assert stretched.cell[:] == pytest.approx(0.97 * atoms.cell[:])
    assert stretched.positions == pytest.approx(0.97 * atoms.positions)
    assert atoms.get_volume() == pytest.approx(8 * FCC.get_volume())


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_lists_that_are_cycled_together_meet_in_every_combination(lengths):
    total = int(np.prod(lengths))
    places = [tuple(cycled(index, lengths)) for index in range(total)]
    assert len(set(places)) == total
    for axis, length in enumerate(lengths):
        assert {place[axis] for place in places[:length]} == set(range(length))


@pytest.mark.parametrize("step", [1, 2, 3, 4])
@pytest.mark.parametrize("axis", [0, 1])
def test_every_beginning_of_the_sequence_is_spread(axis, step):
    for count in (8, 16, 50):
        values = np.sort([spread(step * index, axis) for index in range(count)])
        gaps = np.diff(np.concatenate([[values[-1] - 1], values]))
        assert values[0] >= 0
        assert values[-1] < 1
        assert gaps.max() < 4 / count


def test_two_axes_fill_the_square_together():
    boxes = {(int(4 * spread(i, 0)), int(4 * spread(i, 1))) for i in range(40)}
    assert len(boxes) == 16
