"""Components of the whole cell: closed forms, invariances, derivatives."""

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from surrogate_hpo.descriptors.atom_centred import atom_bispectrum
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.cell_components import CellComponents, cell_density, components_at
from surrogate_hpo.descriptors.definition import DescriptorDefinition

ELEMENTS = {"Al": 1.0, "Mg": 0.5}, {"Al": 0.5, "Mg": 0.45}
WITHOUT = DescriptorDefinition(4.0, 2, *ELEMENTS)
WITH_DENSITY = DescriptorDefinition(4.0, 2, *ELEMENTS, cell_density=True)
WITH_MEAN = DescriptorDefinition(4.0, 2, *ELEMENTS, cell_mean_twojmax=3)
WITH_BOTH = DescriptorDefinition(4.0, 2, *ELEMENTS, cell_density=True, cell_mean_twojmax=3)
DEFINITIONS = [WITHOUT, WITH_DENSITY, WITH_MEAN, WITH_BOTH]
SYMBOLS = ["Al", "Mg"]
seeds = st.integers(0, 10**6)


def a_cell(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cell = 4 * np.eye(3) + 0.4 * rng.normal(size=(3, 3))
    return np.array([[0.1, 0, 0], [0.5, 0.5, 0.5]]) @ cell + 0.2 * rng.normal(size=(2, 3)), cell


def values(definition, positions, cell, symbols=SYMBOLS) -> np.ndarray:
    nothing = np.zeros((1, WITHOUT.components))
    return CellComponents(definition, positions, cell, symbols).behind(nothing)[0, 5:]


def test_atoms_of_fcc_in_the_sphere():
    cell = bulk("Al", "fcc", a=4.05).cell[:]
    expected = 4 / 3 * np.pi * 4.0**3 * 4 / 4.05**3
    assert cell_density(cell, cutoff_radius=4.0, weights=[1.0]) == pytest.approx(expected)


def test_the_mean_is_that_of_the_atoms_and_comes_last():
    positions, cell = a_cell(3)
    options = WITHOUT.keywords(SYMBOLS) | {"twojmax": 3}
    mean = atom_bispectrum(positions, cell, **options).mean(0)
    np.testing.assert_allclose(values(WITH_MEAN, positions, cell), mean, rtol=1e-12)
    both = values(WITH_BOTH, positions, cell)
    assert both[0] == values(WITH_DENSITY, positions, cell)[0]
    np.testing.assert_allclose(both[1:], mean, rtol=1e-12)


@given(seeds)
def test_moved_turned_and_repeated_cells_have_the_same(seed):
    positions, cell = a_cell(seed)
    rng = np.random.default_rng(seed)
    turn, shift = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    copies = [positions + i * cell[0] + k * cell[2] for i in range(2) for k in range(3)]
    repeated = (np.concatenate(copies) + shift) @ turn
    got = values(WITH_BOTH, repeated, np.diag([2, 1, 3]) @ cell @ turn, SYMBOLS * 6)
    np.testing.assert_allclose(got, values(WITH_BOTH, positions, cell), rtol=1e-9)


@given(seeds, st.sampled_from(DEFINITIONS))
def test_the_adjoint_is_the_derivative_by_strain_and_positions(seed, definition):
    rng = np.random.default_rng(seed)
    positions, cell = a_cell(seed)
    slopes = rng.normal(size=(2, 7, definition.components))
    strain, move = rng.normal(size=(3, 3)), rng.normal(size=(2, 3))
    of_cell = CellComponents(definition, positions, cell, SYMBOLS)
    by_snap, by_cell = of_cell.split(slopes)
    by_positions, by_strain = of_cell.adjoint(by_cell)

    def energies(x: float, y: float) -> np.ndarray:
        turned = np.eye(3) + x * strain
        there = CellComponents(definition, (positions + y * move) @ turned, cell @ turned, SYMBOLS)
        return np.einsum("epc,pc->e", slopes, there.behind(np.ones((7, 5))))

    step = 1e-5
    expected = [
        (energies(*(step * way)) - energies(*(-step * way))) / (2 * step) for way in np.eye(2)
    ]
    got = [
        np.einsum("eab,ab->e", by_strain, strain),
        np.einsum("eia,ia->e", by_positions, move),
    ]
    scale = max(1.0, float(np.abs(by_strain).max()), float(np.abs(by_positions).max()))
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_array_equal(by_snap, slopes[..., :5])


def test_nothing_changes_where_it_is_not_asked_for():
    of_cell = CellComponents(WITHOUT, *a_cell(0), SYMBOLS)
    components, slopes = np.ones((7, 5), np.float32), np.ones((1, 7, 5))
    assert of_cell.behind(components) is components
    by_snap, by_cell = of_cell.split(slopes)
    assert by_snap is slopes
    assert by_cell.shape == (1, 0)
    assert not any(part.any() for part in of_cell.adjoint(by_cell))
    assert WITHOUT.components == 5
    assert not any("cell" in key for key in WITHOUT.as_document())


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_the_definition_is_handed_on(definition):
    assert DescriptorDefinition.from_document(definition.as_document()) == definition
    found = CellComponents(definition, *a_cell(0), SYMBOLS).behind(np.ones((7, 5), np.float32))
    assert found.dtype == np.float32
    assert found.shape == (7, definition.components)


def test_all_components_of_some_points():
    positions, cell = a_cell(5)
    points = np.random.default_rng(5).normal(size=(4, 3))
    found = components_at(points, WITH_BOTH, positions, cell, SYMBOLS, threads=2)
    snap = bispectrum(points, positions, cell, **WITHOUT.keywords(SYMBOLS))
    np.testing.assert_array_equal(found[:, :5], snap)
    np.testing.assert_array_equal(found[:, 5:], [values(WITH_BOTH, positions, cell)] * 4)


def test_the_number_of_threads_changes_nothing():
    atoms = bulk("Al", "fcc", a=4.05, cubic=True) * 2
    atoms.rattle(0.1, seed=1)
    symbols, ones = atoms.get_chemical_symbols(), np.ones((1, WITH_BOTH.components - 5))
    one, two = (
        CellComponents(WITH_BOTH, atoms.positions, atoms.cell[:], symbols, threads=threads)
        for threads in (1, 2)
    )
    nothing = np.zeros((1, 5))
    np.testing.assert_array_equal(one.behind(nothing), two.behind(nothing))
    for first, second in zip(one.adjoint(ones), two.adjoint(ones), strict=True):
        np.testing.assert_array_equal(first, second)
