"""The density of the cell as a component: closed forms, invariances, strain."""

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from surrogate_hpo.descriptors.cell_density import CellDensity, cell_density
from surrogate_hpo.descriptors.definition import DescriptorDefinition

WITHOUT = DescriptorDefinition(4.0, 2, {"Al": 1.0, "Mg": 0.5})
WITH = DescriptorDefinition(4.0, 2, {"Al": 1.0, "Mg": 0.5}, cell_density=True)
SYMBOLS = ["Al", "Mg"]
seeds = st.integers(0, 10**6)


def a_cell(seed: int) -> np.ndarray:
    return 4 * np.eye(3) + 0.4 * np.random.default_rng(seed).normal(size=(3, 3))


def test_atoms_of_fcc_in_the_sphere():
    cell = bulk("Al", "fcc", a=4.05).cell[:]
    expected = 4 / 3 * np.pi * 4.0**3 * 4 / 4.05**3
    assert cell_density(cell, cutoff_radius=4.0, weights=[1.0]) == pytest.approx(expected)


@given(seeds)
def test_turned_and_repeated_cells_are_as_dense(seed):
    cell = a_cell(seed)
    here = cell_density(cell, cutoff_radius=4.0, weights=[1.0, 0.5])
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    repeated = cell_density(
        np.diag([2, 1, 3]) @ cell @ turn, cutoff_radius=4.0, weights=[1, 0.5] * 6
    )
    assert repeated == pytest.approx(here, rel=1e-12)


@given(seeds)
def test_what_is_pulled_back_is_the_derivative_by_the_strain(seed):
    rng = np.random.default_rng(seed)
    cell, slopes, strain = a_cell(seed), rng.normal(size=(2, 7, 6)), rng.normal(size=(3, 3))
    by_snap, pulled = CellDensity(WITH, SYMBOLS, cell).pulled(slopes)

    def energies(x: float) -> np.ndarray:
        there = CellDensity(WITH, SYMBOLS, cell @ (np.eye(3) + x * strain))
        return np.einsum("epc,pc->e", slopes, there.behind(np.ones((7, 5))))

    expected = (energies(1e-5) - energies(-1e-5)) / 2e-5
    found = np.einsum("eab,ab->e", pulled, strain)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(pulled).max())
    np.testing.assert_array_equal(by_snap, slopes[..., :-1])


def test_nothing_changes_where_it_is_not_asked_for():
    density = CellDensity(WITHOUT, SYMBOLS, a_cell(0))
    values, slopes = np.ones((7, 5), np.float32), np.ones((1, 7, 5))
    assert density.behind(values) is values
    assert density.pulled(slopes)[0] is slopes
    assert not density.pulled(slopes)[1].any()
    assert WITHOUT.components == 5
    assert "cell_density" not in WITHOUT.as_document()


def test_the_definition_is_handed_on():
    assert WITH.components == 6
    assert DescriptorDefinition.from_document(WITH.as_document()) == WITH
    assert DescriptorDefinition.from_document(WITHOUT.as_document()) == WITHOUT
    values = CellDensity(WITH, SYMBOLS, a_cell(0)).behind(np.ones((7, 5), np.float32))
    assert values.dtype == np.float32
    assert values.shape == (7, 6)
