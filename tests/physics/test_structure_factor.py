"""The structure factor against its definition, and pairs of ions against all of them."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.physics.lattice_sums.ion_pairs import ion_pairs
from surrogate_hpo.physics.lattice_sums.structure_factor import structure_factor
from surrogate_hpo.physics.reciprocal import wave_components
from surrogate_hpo.physics.xc.core_density import _form_factor, radial_transform

CELL = torch.tensor([[4.0, 0.2, 0.0], [-1.5, 5.0, 0.3], [0.1, 1.7, 3.0]], dtype=torch.float64)


def random_positions(seed, atoms):
    generator = torch.Generator().manual_seed(seed)
    # Some outside of the cell, the first on a grid point.
    fractions = 3 * torch.rand(atoms, 3, generator=generator, dtype=torch.float64) - 1
    fractions[0] = torch.tensor([0.5, 0.0, 0.25])
    return fractions @ CELL


@given(
    seed=st.integers(0, 2**20),
    atoms=st.integers(1, 9),
    shape=st.tuples(*[st.integers(1, 12)] * 3),
)
def test_the_structure_factor_is_the_sum_over_atoms(seed, atoms, shape):
    positions = random_positions(seed, atoms)
    phases = torch.stack(tuple(wave_components(shape, CELL, half=True)), dim=-1) @ positions.T
    expected = torch.exp(-1j * phases).sum(dim=-1)
    found = structure_factor(positions, shape, CELL)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-11 * atoms)


@pytest.mark.parametrize("extent", [0.4, 1.5])
def test_the_table_of_the_form_factor_costs_no_digits(extent):
    radii = torch.linspace(0, 8, 1201, dtype=torch.float64)
    integrand = radii**2 * torch.exp(-((radii / extent) ** 2)) * 8 / 1200
    lengths = 30 * torch.rand(500, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = radial_transform(lengths, radii, integrand)
    found = _form_factor(lengths, radii, integrand)
    largest = float(radial_transform(torch.zeros(1, dtype=torch.float64), radii, integrand))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * largest)


@given(seed=st.integers(0, 2**20), atoms=st.integers(1, 6), radius=st.floats(0.5, 9.0))
def test_all_pairs_within_the_radius_are_found_once(seed, atoms, radius):
    positions = random_positions(seed, atoms)
    found = set()
    for first, second, shifts in ion_pairs(positions, CELL, radius):
        vectors = positions[second] - positions[first] + shifts @ CELL
        assert float(torch.linalg.norm(vectors, dim=-1).max()) <= radius + 1e-9
        rows = torch.cat([first[:, None], second[:, None], shifts.to(torch.int64)], dim=1)
        listed = [tuple(row) for row in rows.tolist()]
        assert len(set(listed)) == len(listed)
        assert not found & set(listed)
        found |= set(listed)
    halves = [
        torch.cat([first[:, None], second[:, None], shifts.to(torch.int64)], dim=1).tolist()
        for first, second, shifts in ion_pairs(positions, CELL, radius, once=True)
    ]
    ahead = {tuple(row) for rows in halves for row in rows}
    behind = {(j, i, -x, -y, -z) for i, j, x, y, z in ahead}
    assert not ahead & behind
    assert ahead | behind == found
    expected = 0
    span = range(-9, 10)
    images = torch.tensor(list(itertools.product(span, repeat=3)), dtype=torch.float64) @ CELL
    for i, j in itertools.product(range(atoms), repeat=2):
        distances = torch.linalg.norm(positions[j] - positions[i] + images, dim=-1)
        expected += int(((distances < radius) & (distances > 0)).sum())
    assert len(found) == expected
