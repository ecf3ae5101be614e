"""Core density of the non-linear core correction, on the grid of the cell."""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.lattice_sums.structure_factor import structure_factor
from surrogate_hpo.physics.reciprocal import inside_cutoff, squared_waves

# 1/Å; the transform of a core is smooth, so that quintic splines reproduce it to some 1e-12.
_TABLE_SPACING = 0.02


class Core(Protocol):
    """What is known of the core of an element's ion: PP_R, PP_RAB and PP_NLCC of its UPF file."""

    @property
    def core_correction(self) -> bool:
        """Whether there is a core density."""

    @property
    def radial_grid(self) -> NDArray[np.float64]:
        """Radii in Å."""

    @property
    def radial_weights(self) -> NDArray[np.float64]:
        """Steps dr/di in Å."""

    @property
    def core_density(self) -> NDArray[np.float64]:
        """Core density in 1/Å³."""


def core_density_of_all(
    cores: Mapping[str, Core],
    symbols: Sequence[str],
    positions: Tensor,
    shape: Sequence[int],
    cell: Tensor,
    density_cutoff: float | None,
) -> Tensor | None:
    """Core density of a structure.

    Parameters
    ----------
    cores
        By element.
    symbols
        Element of each atom.
    positions
        Positions of the atoms in Å, shape [atoms, 3].
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    density_cutoff
        As for :func:`core_density`.

    Returns
    -------
    Tensor or None
        Core density in 1/Å³, shape [x, y, z]; none if no element of the structure has one.
    """
    parts = [
        core_density(
            torch.from_numpy(core.radial_grid),
            torch.from_numpy(core.radial_weights),
            torch.from_numpy(core.core_density),
            positions[torch.tensor([symbol == element for symbol in symbols])],
            shape,
            cell,
            density_cutoff,
        )
        for element, core in cores.items()
        if core.core_correction and element in symbols
    ]
    return sum(parts[1:], start=parts[0]) if parts else None


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
        Core density in 1/Å³, shape [x, y, z]; differentiable with respect to `positions` and
        `cell`.

    Raises
    ------
    DataError
        If the arrays do not fit each other or the cell has no volume.
    """
    _check_radial(radial_grid, radial_weights, radial_core_density)
    check_float64("positions", positions, 2)
    volume = check_cell(cell)
    amplitudes = structure_factor(positions, shape, cell)
    squared = squared_waves(shape, cell)
    kept = inside_cutoff(squared, density_cutoff)
    # The root's slope at G = 0 is infinite, and nothing depends on it.
    lengths = squared.clamp_min(torch.finfo(squared.dtype).tiny).sqrt()
    del squared
    integrand = radial_grid**2 * radial_core_density * radial_weights
    form_factor = _form_factor(lengths, radial_grid, integrand)
    del lengths
    # As many factors as the transform back leaves out.
    form_factor = form_factor * (4 * torch.pi / volume * math.prod(shape))
    form_factor = torch.where(kept, form_factor, 0.0)
    # As pairs of real numbers: a real factor would be made complex first.
    weighted = torch.view_as_real(amplitudes) * form_factor[..., None]
    del amplitudes, form_factor
    density: Tensor = torch.fft.irfftn(torch.view_as_complex(weighted), s=tuple(shape))
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


def _form_factor(lengths: Tensor, grid: Tensor, integrand: Tensor) -> Tensor:
    """Integral of integrand times sin(Gr)/(Gr) for every length G, from a table of them."""
    fixed = lengths.detach()
    steps = max(8, int(float(fixed.max()) / _TABLE_SPACING) + 2)
    table = _TABLE_SPACING * torch.arange(steps, dtype=grid.dtype, device=grid.device)
    values = radial_transform(table, grid, integrand)
    spline = make_interp_spline(table.cpu().numpy(), values.detach().cpu().numpy(), k=5)
    found = torch.from_numpy(spline(fixed.cpu().numpy())).to(fixed)
    if not lengths.requires_grad:
        return found
    # The spline is no graph: its slope makes one that is right to first order.
    slope = torch.from_numpy(spline(fixed.cpu().numpy(), nu=1)).to(fixed)
    return found + slope * (lengths - fixed)


def radial_transform(lengths: Tensor, grid: Tensor, integrand: Tensor) -> Tensor:
    """Integral of integrand times sin(Gr)/(Gr) by Simpson's rule.

    Parameters
    ----------
    lengths
        G in 1/Å, shape [G].
    grid
        Radii r in Å, shape [R].
    integrand
        r² n_c(r) dr/di, shape [R].

    Returns
    -------
    Tensor
        Shape [G].
    """
    # Simpson needs an odd number of points; the core density has died out at the last one.
    points = grid.numel() - (grid.numel() + 1) % 2
    simpson = torch.full((points,), 2 / 3, dtype=grid.dtype, device=grid.device)
    simpson[1::2] = 4 / 3
    simpson[0] = simpson[-1] = 1 / 3
    weighted, radii = simpson * integrand[:points], grid[:points] / torch.pi
    return torch.sinc(lengths[:, None] * radii) @ weighted
