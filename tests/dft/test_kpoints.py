"""Meshes by spacing, and settings that grow with the cell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surrogate_hpo.dft.convergence import kpoint_mesh
from surrogate_hpo.stages.dft.settings import DftSettings

CUBIC = 4.05 * np.eye(3)


def test_known_meshes():
    assert kpoint_mesh(CUBIC, 0.2) == (8, 8, 8)
    assert kpoint_mesh(np.diag([8.1, 4.05, 16.2]), 0.2) == (4, 8, 2)
    assert kpoint_mesh(1e3 * np.eye(3), 0.2) == (1, 1, 1)
    primitive = 4.05 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert kpoint_mesh(2 * primitive, 0.2) == (7, 7, 7)


def test_a_spacing_that_fits_exactly_and_rounding_of_the_cell():
    exact = 2 * np.pi / 4.05 / 8
    meshes = {kpoint_mesh(CUBIC * (1 + e), exact) for e in (-1e-9, 0.0, 1e-9)}
    assert meshes == {(8, 8, 8)}


@given(
    arrays(np.float64, (3, 3), elements=st.floats(-1, 1)), st.floats(0.05, 2.0), st.integers(2, 4)
)
def test_spacing_is_kept_and_supercells_need_fewer_points(noise, spacing, factor):
    cell = 5 * np.eye(3) + noise
    mesh = np.array(kpoint_mesh(cell, spacing))
    length = np.linalg.norm(2 * np.pi * np.linalg.inv(cell).T, axis=1)
    assert (length / mesh <= spacing * (1 + 1e-4)).all()
    assert (mesh == 1).any() or (length / np.maximum(mesh - 1, 1) > spacing).all()
    larger = np.array(kpoint_mesh(factor * cell, spacing))
    assert (larger <= -(-mesh // factor)).all()


@pytest.mark.parametrize("atoms", [1, 4, 32])
def test_bands_per_atom(atoms):
    settings = DftSettings(
        pseudopotentials={"Al": "Al.UPF"},
        cutoff_rydberg=16.0,
        kpoint_spacing_per_angstrom=0.2,
        bands_per_atom=3.25,
        electronic_temperature_kelvin=5000.0,
    )
    run = settings.run(atoms, CUBIC)
    assert run.bands == -(-13 * atoms // 4) + 1
    assert run.kpoints == (8, 8, 8)
