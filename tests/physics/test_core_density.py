"""The core density against an analytical core and under translations."""

import math

import pytest
import torch

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.reciprocal import inside_cutoff, wave_components
from surrogate_hpo.physics.xc.core_density import core_density

CELL = torch.tensor([[3.0, 0.2, 0.0], [-0.5, 3.2, 0.3], [0.1, 0.7, 2.8]], dtype=torch.float64)
SHAPE = (18, 20, 17)
POSITIONS = torch.tensor([[0.1, 0.4, 2.9], [1.5, 1.7, 1.0]], dtype=torch.float64)
HEIGHT, WIDTH = 5.0, 0.45


def radial(points=801):
    """A logarithmic mesh, dr/di, and a Gaussian core."""
    index = torch.arange(points, dtype=torch.float64)
    grid = 1e-4 * torch.exp(index * math.log(6e4) / (points - 1))
    return grid, grid * math.log(6e4) / (points - 1), HEIGHT * torch.exp(-((grid / WIDTH) ** 2))


def periodic_gaussians(positions):
    fractions = torch.stack(
        torch.meshgrid(*[torch.arange(n, dtype=torch.float64) / n for n in SHAPE], indexing="ij"),
        dim=-1,
    )
    images = torch.cartesian_prod(*[torch.arange(-2, 3, dtype=torch.float64)] * 3) @ CELL
    points = fractions @ CELL
    return sum(
        HEIGHT * torch.exp(-((points - position - image) ** 2).sum(-1) / WIDTH**2)
        for position in positions
        for image in images
    )


@pytest.mark.parametrize("points", [801, 802])
def test_a_gaussian_core_is_a_sum_of_gaussians(points):
    density = core_density(*radial(points), POSITIONS, SHAPE, CELL, None)
    torch.testing.assert_close(density, periodic_gaussians(POSITIONS), rtol=0, atol=2e-5)
    electrons = float(density.mean() * torch.linalg.det(CELL))
    assert electrons == pytest.approx(2 * HEIGHT * (math.pi * WIDTH**2) ** 1.5, rel=1e-7)


def test_moving_the_atoms_by_a_grid_point_moves_the_density():
    density = core_density(*radial(), POSITIONS, SHAPE, CELL, 400.0)
    moved = core_density(*radial(), POSITIONS + 3 * CELL[1] / SHAPE[1], SHAPE, CELL, 400.0)
    torch.testing.assert_close(moved, torch.roll(density, 3, dims=1), rtol=0, atol=1e-12)


def test_no_component_lies_outside_the_cutoff():
    density = core_density(*radial(), POSITIONS, SHAPE, CELL, 200.0)
    amplitudes = torch.fft.fftn(density) / density.numel()
    outside = ~inside_cutoff(sum(g**2 for g in wave_components(SHAPE, CELL)), 200.0)
    assert int(outside.sum()) > 0
    assert float(amplitudes[outside].abs().max()) < 1e-15


def test_the_density_is_differentiable_in_the_positions():
    positions = POSITIONS.clone().requires_grad_()
    weights = torch.linspace(0, 1, 60, dtype=torch.float64).reshape(3, 4, 5)
    assert torch.autograd.gradcheck(
        lambda r: (weights * core_density(*radial(), r, (3, 4, 5), CELL, 100.0)).sum(),
        (positions,),
    )


def test_bad_input_is_refused():
    grid, steps, core = radial()
    with pytest.raises(DataError, match=r"radial arrays do not fit(.|\n)*801, 801 and 800"):
        core_density(grid, steps, core[:-1], POSITIONS, SHAPE, CELL, None)
    with pytest.raises(DataError, match="does not ascend"):
        core_density(grid.flip(0), steps, core, POSITIONS, SHAPE, CELL, None)
