"""Wave vectors and the Hartree energy."""

import math

import pytest
import torch

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.reciprocal import (
    gradient,
    half_multiplicity,
    hartree_energy,
    inside_cutoff,
    reciprocal_cell,
    squared_waves,
    wave_components,
)
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV

CELL = torch.tensor([[4.0, 0.2, 0.0], [-0.5, 5.0, 0.3], [0.1, 0.7, 3.0]], dtype=torch.float64)
SHAPE = (10, 9, 8)
MILLER = torch.tensor([1.0, -2.0, 1.0], dtype=torch.float64)


def wave(amplitude=0.05, mean=0.1):
    """A cosine density and its squared wave vector."""
    fractions = torch.stack(
        torch.meshgrid(*[torch.arange(n, dtype=torch.float64) / n for n in SHAPE], indexing="ij"),
        dim=-1,
    )
    density = mean + amplitude * torch.cos(2 * math.pi * fractions @ MILLER)
    return density, float(((MILLER @ reciprocal_cell(CELL)) ** 2).sum())


def squared_gradient(field):
    return sum(slope**2 for slope in gradient(field, CELL, None))


def random_density(shape=(4, 5, 6)):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_cosine_has_the_closed_form_energy_in_any_cell():
    density, squared = wave()
    volume = float(torch.linalg.det(CELL))
    # 2 pi V sum over +-G of (amplitude/2)²/G², in atomic units and then in eV.
    expected = math.pi * (volume * 0.05**2 / squared) * HARTREE_EV * BOHR_ANGSTROM
    assert float(hartree_energy(density, CELL)) == pytest.approx(expected, rel=1e-12)


def test_the_cutoff_is_a_kinetic_energy_in_ev():
    density, squared = wave()
    kinetic_energy = 3.80998211 * squared  # hbar²/2m in eV Å²
    inside = hartree_energy(density, CELL, density_cutoff=kinetic_energy * 1.001)
    outside = hartree_energy(density, CELL, density_cutoff=kinetic_energy * 0.999)
    assert float(inside) == pytest.approx(float(hartree_energy(density, CELL)), rel=1e-12)
    assert abs(float(outside)) < 1e-15


def test_a_shell_on_the_sphere_belongs_to_it():
    cell = 4.05 * torch.eye(3, dtype=torch.float64)
    edge = HARTREE_EV / 2 * (2 * math.pi / 4.05 * BOHR_ANGSTROM) ** 2
    assert int(inside_cutoff(sum(g**2 for g in wave_components((6, 6, 6), cell)), edge).sum()) == 7


def test_energy_is_extensive_and_invariant_under_translation():
    density = random_density()
    energy = float(hartree_energy(density, CELL))
    assert energy > 0
    doubled = hartree_energy(density.repeat(1, 2, 1), CELL * torch.tensor([[1.0], [2.0], [1.0]]))
    assert float(doubled) == pytest.approx(2 * energy, rel=1e-12)
    moved = torch.roll(density, (1, 2, 3), dims=(0, 1, 2))
    assert float(hartree_energy(moved, CELL)) == pytest.approx(energy, rel=1e-12)
    uniform = hartree_energy(torch.full_like(density, 0.3), CELL)
    assert abs(float(uniform)) < 1e-25


def test_energy_is_differentiable():
    density = random_density((3, 3, 2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda n: hartree_energy(n, CELL), (density,))


def test_reciprocal_vectors_are_dual_to_the_cell():
    product = CELL @ reciprocal_cell(CELL).T
    torch.testing.assert_close(product, 2 * math.pi * torch.eye(3, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(3, 5, 7), (4, 3, 6)])
def test_half_of_the_wave_vectors_counted_twice_are_all_of_them(shape):
    cube = 3.0 * torch.eye(3, dtype=torch.float64)
    squared = sum(g**2 for g in wave_components(shape, cube)).sum()
    half = squared_waves(shape, cube)
    counts = half_multiplicity(shape[2], cube)
    torch.testing.assert_close((half * counts).sum(), squared)
    assert float(counts.sum()) == shape[2]


def test_gradient_of_a_cosine_and_of_a_field_at_the_nyquist_frequency():
    density, squared = wave()
    phase_sine_squared = 1 - ((density - 0.1) / 0.05) ** 2
    expected = squared * 0.05**2 * phase_sine_squared
    torch.testing.assert_close(squared_gradient(density), expected)
    # (-1)^i is real at every grid point: its derivative on the grid is zero.
    alternating = torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(5)[:, None, None]
    assert float(squared_gradient(alternating.expand(SHAPE)).max()) < 1e-25


@pytest.mark.parametrize(
    ("density", "cell", "cutoff", "message"),
    [
        (random_density().float(), CELL, None, r"density\.to\(torch\.float64\)"),
        (random_density().flatten(), CELL, None, "density has the wrong number of dimensions"),
        (random_density(), torch.ones_like(CELL), None, "the cell has no volume"),
        (random_density(), CELL[:2], None, "cell is not a 3 x 3 matrix"),
        (random_density(), CELL, -1.0, r"density_cutoff > 0 eV"),
    ],
)
def test_bad_input_is_refused(density, cell, cutoff, message):
    with pytest.raises(DataError, match=message):
        hartree_energy(density, cell, density_cutoff=cutoff)


def test_a_grid_needs_three_axes():
    with pytest.raises(DataError, match="a grid has three axes"):
        next(wave_components((3, 0, 2), CELL))
