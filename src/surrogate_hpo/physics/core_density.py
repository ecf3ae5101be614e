"""Core density of the non-linear core correction, on the grid of the cell."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.reciprocal import inside_cutoff, wave_vectors

_CHUNK_VALUES = 2**22


def core_density(
    radial_grid: Tensor,
    radial_weights: Tensor,
    radial_core_density: Tensor,
    positions: Tensor,
    shape: Sequence[int],
    cell: Tensor,
    density_cutoff: float | None,
) -> Tensor:
    r"""Sum of the atoms' core densities, band-limited as in a plane-wave code.

    .. math::
        n_{core}(G) = \frac{4\pi}{V} \sum_a e^{-iGR_a}
                      \int r^2 n_c(r) \frac{\sin Gr}{Gr}\,dr

    for the wave vectors inside the cutoff, with Simpson's rule on the radial grid. The arrays are
    PP_R, PP_RAB and PP_NLCC of one element's UPF file, in Å; several elements are summed by the
    caller. The result can be slightly negative between the atoms, as Quantum ESPRESSO's is.

    Parameters
    ----------
    radial_grid
        Radii r in Å, shape [R].
    radial_weights
        dr/di in Å at each radius, shape [R].
    radial_core_density
        Core density n_c(r) in 1/Å³, shape [R].
    positions
        Positions of the element's atoms in Å, shape [atoms, 3].
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    density_cutoff
        Largest kinetic energy in eV of the wave vectors; None takes all.

    Returns
    -------
    Tensor
        Core density in 1/Å³, shape [x, y, z]; differentiable with respect to `positions`.

    Raises
    ------
    DataError
        If the arrays do not fit each other or the cell has no volume.
    """
    _check_radial(radial_grid, radial_weights, radial_core_density)
    check_float64("positions", positions, 2)
    volume = check_cell(cell)
    vectors = wave_vectors(shape, cell)
    kept = inside_cutoff(vectors, density_cutoff)
    lengths, shells = torch.unique(
        torch.linalg.norm(vectors.detach()[kept], dim=-1).round(decimals=8), return_inverse=True
    )
    integrand = radial_grid**2 * radial_core_density * radial_weights
    form_factor = _radial_transform(lengths, radial_grid, integrand)
    amplitudes = torch.zeros(tuple(shape), dtype=cell.dtype, device=cell.device)
    amplitudes[kept] = form_factor[shells] * (4 * torch.pi / volume)
    structure = _structure_factor(positions, shape, cell)
    points = amplitudes.numel()
    density: Tensor = torch.fft.ifftn(amplitudes * structure).real * points
    return density


def _check_radial(grid: Tensor, weights: Tensor, core: Tensor) -> None:
    for name, array in (
        ("radial_grid", grid),
        ("radial_weights", weights),
        ("radial_core_density", core),
    ):
        check_float64(name, array, 1)
    if not grid.shape == weights.shape == core.shape or grid.numel() < 3:
        raise DataError(
            "the radial arrays do not fit each other",
            expected="three arrays of the same length, three points or more",
            got=f"{grid.numel()}, {weights.numel()} and {core.numel()} values",
        )
    if not bool((grid[1:] > grid[:-1]).all()) or float(grid[0]) < 0:
        raise DataError("the radial grid does not ascend from 0 Å on")


def _radial_transform(lengths: Tensor, grid: Tensor, integrand: Tensor) -> Tensor:
    """Integral of integrand times sin(Gr)/(Gr) by Simpson's rule, for every length G."""
    # Simpson needs an odd number of points; the core density has died out at the last one.
    points = grid.numel() - (grid.numel() + 1) % 2
    simpson = torch.full((points,), 2 / 3, dtype=grid.dtype, device=grid.device)
    simpson[1::2] = 4 / 3
    simpson[0] = simpson[-1] = 1 / 3
    weighted, radii = simpson * integrand[:points], grid[:points] / torch.pi
    chunks = torch.tensor_split(lengths, math.ceil(lengths.numel() * points / _CHUNK_VALUES))
    return torch.cat([torch.sinc(chunk[:, None] * radii) @ weighted for chunk in chunks])


def _structure_factor(positions: Tensor, shape: Sequence[int], cell: Tensor) -> Tensor:
    """Sum over atoms of exp(-iGR), as the product of one phase per lattice direction."""
    fractional = positions @ torch.linalg.inv(cell)
    x, y, z = (
        torch.exp(
            -2j
            * torch.pi
            * fractional[:, axis, None]
            * torch.fft.fftfreq(points, 1 / points, dtype=cell.dtype, device=cell.device)
        )
        for axis, points in enumerate(shape)
    )
    return torch.einsum("ax,ay,az->xyz", x, y, z)
