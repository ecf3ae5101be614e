"""The partition of space among atoms, and the density of states of each."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.physics.atom_partition import atom_dos, atom_weights
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos

SHAPE = (7, 6, 5)
RNG = np.random.default_rng(3)
LDOS = RNG.random((*SHAPE, 4))
CELL = np.array([[4.0, 0.3, 0.0], [0.5, 3.6, -0.4], [-0.2, 0.1, 5.0]])
POSITIONS = RNG.random((3, 3)) @ CELL
VOLUME = abs(np.linalg.det(CELL))


@pytest.mark.parametrize("width", [0.05, 0.5, 1.3, 3.0])
def test_the_atoms_share_the_density_of_states(width):
    dos = dos_from_ldos(LDOS, VOLUME / np.prod(SHAPE))
    found = atom_dos(LDOS, POSITIONS, CELL, width=width)
    assert found.shape == (3, 4)
    np.testing.assert_allclose(found.sum(0), dos, rtol=1e-13)
    weights = atom_weights(grid_points(SHAPE, CELL), POSITIONS, CELL, width=width)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-14)
    assert weights.min() >= 0


def test_one_atom_has_all_of_it():
    dos = dos_from_ldos(LDOS, VOLUME / np.prod(SHAPE))
    np.testing.assert_allclose(atom_dos(LDOS, POSITIONS[:1], CELL, width=1.3)[0], dos, rtol=1e-13)


def test_it_is_the_sum_over_many_images():
    points = grid_points((3, 2, 4), CELL)
    steps = np.array(list(np.ndindex(9, 9, 9))) - 4
    images = POSITIONS[None] + (steps @ CELL)[:, None]
    squared = ((points[:, None, None] - images[None]) ** 2).sum(-1)
    expected = np.exp(-squared / 2 / 1.3**2).sum(1)
    expected /= expected.sum(1, keepdims=True)
    found = atom_weights(points, POSITIONS, CELL, width=1.3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-11)


def test_narrow_gaussians_give_voronoi_cells():
    points = RNG.random((200, 3)) @ CELL
    steps = np.array(list(np.ndindex(5, 5, 5))) - 2
    images = POSITIONS[None] + (steps @ CELL)[:, None]
    distance = np.linalg.norm(points[:, None, None] - images[None], axis=-1).min(1)
    weights = atom_weights(points, POSITIONS, CELL, width=1e-3)
    clear = np.diff(np.sort(distance, axis=1)[:, :2])[:, 0] > 1e-3
    assert clear.sum() > 190
    np.testing.assert_array_equal(weights[clear].argmax(1), distance[clear].argmin(1))
    np.testing.assert_allclose(weights[clear].max(1), 1, atol=1e-12)


def test_translation_rotation_and_permutation_of_the_atoms():
    expected = atom_dos(LDOS, POSITIONS, CELL, width=1.3)
    order = [2, 0, 1]
    np.testing.assert_allclose(
        atom_dos(LDOS, POSITIONS[order], CELL, width=1.3), expected[order], rtol=1e-13
    )
    # By whole grid points, and atoms out of the cell.
    step = CELL[0] * 2 / SHAPE[0] - CELL[2] * 3 / SHAPE[2] + 2 * CELL[1]
    moved = np.roll(LDOS, (2, -3), (0, 2))
    np.testing.assert_allclose(
        atom_dos(moved, POSITIONS + step, CELL, width=1.3), expected, rtol=1e-11
    )
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    np.testing.assert_allclose(
        atom_dos(LDOS, POSITIONS @ turn, CELL @ turn, width=1.3), expected, rtol=1e-11
    )


def test_equal_atoms_have_equal_shares_and_a_supercell_has_the_same():
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    # A grid that all four atoms lie on.
    ldos = np.ones((4, 4, 4, 2))
    found = atom_dos(ldos, atoms.positions, atoms.cell.array, width=1.3)
    np.testing.assert_allclose(found, atoms.get_volume() / 4, rtol=1e-12)
    twice: Atoms = atoms.repeat((2, 1, 1))
    values = RNG.random((4, 4, 4, 2))
    one = atom_dos(values, atoms.positions, atoms.cell.array, width=1.3)
    two = atom_dos(np.tile(values, (2, 1, 1, 1)), twice.positions, twice.cell.array, width=1.3)
    np.testing.assert_allclose(two, np.tile(one, (2, 1)), rtol=1e-11)


def test_blocks_change_nothing_and_single_precision_is_summed_in_double():
    whole = atom_dos(LDOS.astype(np.float32), POSITIONS, CELL, width=1.3)
    assert whole.dtype == np.float64
    pieces = atom_dos(LDOS.astype(np.float32), POSITIONS, CELL, width=1.3, block_points=37)
    np.testing.assert_allclose(pieces, whole, rtol=1e-13)


def test_an_atom_in_vacuum_keeps_it():
    cell = np.diag([4.0, 4.0, 40.0])
    weights = atom_weights([[2.0, 2.0, 20.0]], [[0.0, 0.0, 0.0], [2.0, 2.0, 1.0]], cell, width=0.3)
    np.testing.assert_allclose(weights, [[0, 1]], atol=1e-12)


@pytest.mark.parametrize("width", [0.0, -1.3, np.nan, np.inf])
def test_a_width_that_is_no_length_is_refused(width):
    with pytest.raises(ConfigError, match=r"positive length(.|\n)*1\.3 is usual"):
        atom_dos(LDOS, POSITIONS, CELL, width=width)


def test_a_width_in_another_unit_is_refused():
    with pytest.raises(ConfigError, match="beyond reason for this cell"):
        atom_dos(LDOS, POSITIONS, CELL, width=130.0)


def test_bad_data_are_refused():
    with pytest.raises(DataError, match="no atom"):
        atom_dos(LDOS, np.empty((0, 3)), CELL, width=1.3)
    with pytest.raises(DataError, match=r"not on a grid(.|\n)*\[210, 4\]"):
        atom_dos(LDOS.reshape(-1, 4), POSITIONS, CELL, width=1.3)
    broken = LDOS.copy()
    broken[1, 2, 3, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        atom_dos(broken, POSITIONS, CELL, width=1.3)
    with pytest.raises(DataError, match="at the same place"):
        atom_dos(LDOS, POSITIONS[[0, 1, 1]], CELL, width=1.3)
