r"""How the total free energy changes when atoms move or the cell is strained.

The free energy depends on the atoms through the LDOS d at the points of the grid, and directly,

.. math::
    \frac{\mathrm{d}A}{\mathrm{d}X} = \sum_{r,k} \frac{\partial A}{\partial d_k(r)}
    \frac{\mathrm{d}d_k(r)}{\mathrm{d}X} + \frac{\partial A}{\partial X}\Big|_d,
    \qquad X = \mathbf{R}_i \text{ or } \varepsilon_{ab}.

The first factor is of rank two (`LdosCotangent`). The strain takes the points of the grid, whose
number stays, along with the atoms.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.physics.ewald import Ions, strained
from surrogate_hpo.physics.free_energy_gradient import (
    LdosCotangent,
    cotangent_from_slope,
    density_slopes,
)
from surrogate_hpo.physics.guards import check_cell
from surrogate_hpo.physics.structure_integrals import StructureIntegrals
from surrogate_hpo.physics.xc.functionals import Functional

CoreOf = Callable[[Tensor, Tensor], Tensor | None]
"""Core density in 1/Å³ on the grid from positions and cell, differentiable; None without one."""


@dataclass(frozen=True)
class FreeEnergyGradient:
    r"""Derivatives of the total free energy: by the LDOS, and directly.

    Attributes
    ----------
    cotangent
        Derivative by the LDOS at each point of the grid.
    positions
        Derivative by the positions at a fixed LDOS, eV/Å, shape [atoms, 3].
    strain
        Derivative by the strain at a fixed LDOS, eV, shape [3, 3].
    """

    cotangent: LdosCotangent
    positions: Tensor
    strain: Tensor


def free_energy_gradient(
    density: Tensor,
    density_slope: Tensor,
    dos: Tensor,
    energy: Tensor,
    *,
    fermi_energy: Tensor,
    temperature: float,
    ions: Ions,
    ewald: tuple[Tensor, Tensor],
    functional: Functional,
    core: CoreOf,
    broadening_variance: float | None = None,
    density_cutoff: float | None = None,
) -> FreeEnergyGradient:
    r"""Differentiate the total free energy at a fixed number of electrons.

    At a fixed LDOS, a strain changes the volume that each point stands for, by which the DOS
    grows, and so the Fermi energy and the density fall,

    .. math::
        \frac{\partial A}{\partial\varepsilon_{ab}}\Big|_d =
        \delta_{ab} \Bigl(\sum_k a_k D_k - \bar v N_e\Bigr)
        + \frac{\partial}{\partial\varepsilon_{ab}}
        \Bigl(-E_H + E_{xc} - \int v_{xc} n + E_{Ewald}\Bigr)_n ,

    with a and v as in `cotangent_from_slope`, and the volume, the wave vectors and the core density
    in the last term.

    Parameters
    ----------
    density
        Density n in 1/Å³, shape [x, y, z], float64.
    density_slope
        n' = dn/dmu in 1/(eV Å³), shape [x, y, z], see `electron_slope`.
    dos
        Density of states in 1/eV, shape [E].
    energy
        Uniform energy axis in eV, shape [E].
    fermi_energy
        mu in eV, shape [].
    temperature
        Electronic temperature in K.
    ions
        Positions, charges and cell.
    ewald
        What their `ewald` gives: it is the same for all networks.
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    core
        Core density by positions and cell.
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.
    density_cutoff
        As in :func:`~surrogate_hpo.physics.total_energy.density_terms`.

    Returns
    -------
    FreeEnergyGradient
        Derivatives by the LDOS, and direct ones by positions and strain.
    """
    positions, cell = (array.detach().requires_grad_() for array in (ions.positions, ions.cell))
    with torch.no_grad():
        at_rest = core(positions, cell)
    slopes = density_slopes(
        density, ions.cell, functional, core_density=at_rest, density_cutoff=density_cutoff
    )
    by_position, by_vector = torch.zeros_like(ions.positions), slopes.vectors
    if slopes.core is not None:
        moving = core(positions, cell)
        assert moving is not None  # noqa: S101 - as before
        of_core = torch.autograd.grad(moving, (positions, cell), slopes.core)
        by_position, by_vector = of_core[0], by_vector + of_core[1]
    volume = float(check_cell(ions.cell)) / density.numel()
    cotangent = cotangent_from_slope(
        slopes.density,
        density_slope,
        energy,
        fermi_energy=fermi_energy,
        temperature=temperature,
        volume_element=volume,
        broadening_variance=broadening_variance,
    )
    mean = (slopes.density * density_slope).sum() / (volume * density_slope.sum())
    electrons = volume * density.sum()
    growth = (cotangent.band / volume) @ dos - mean * electrons
    strain = strained(ions.positions, by_position, ions.cell, by_vector)
    strain = strain + growth * torch.eye(3, dtype=strain.dtype)
    return FreeEnergyGradient(cotangent, ewald[0] + by_position, ewald[1] + strain)


def structure_gradient(
    structure: StructureIntegrals,
    density: Tensor,
    density_slope: Tensor,
    dos: Tensor,
    *,
    fermi_energy: Tensor,
    ewald: tuple[Tensor, Tensor],
) -> FreeEnergyGradient:
    """`free_energy_gradient` of a structure whose LDOS has been integrated; arguments as there."""
    return free_energy_gradient(
        density,
        density_slope,
        dos,
        structure.energy,
        fermi_energy=fermi_energy,
        temperature=structure.temperature,
        ions=structure.ions,
        ewald=ewald,
        functional=structure.functional,
        core=structure.core,
        broadening_variance=structure.broadening_variance,
        density_cutoff=structure.density_cutoff,
    )
