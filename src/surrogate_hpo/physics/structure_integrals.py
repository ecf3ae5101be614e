"""From an LDOS on the grid of one structure to its energies, and weights that give its density."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.physics.ewald import Ions
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import EnergyTerms, energy_terms_from_ldos
from surrogate_hpo.physics.xc.core_density import Core, core_density_of_all
from surrogate_hpo.physics.xc.functionals import Functional


@dataclass(frozen=True)
class StructureIntegrals:
    """What the LDOS of a structure is integrated with, whoever has found or predicted it.

    Attributes
    ----------
    symbols
        Element of each atom.
    ions
        Positions, charges and cell.
    cores
        Core of the ions by element.
    grid
        Number of grid points along each lattice vector.
    energy
        Uniform energy axis of the LDOS in eV, [energy].
    temperature
        Electronic temperature in K.
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.
    density_cutoff
        As in :func:`~surrogate_hpo.physics.total_energy.density_terms`.
    """

    symbols: Sequence[str]
    ions: Ions
    cores: Mapping[str, Core]
    grid: tuple[int, int, int]
    energy: Tensor
    temperature: float
    functional: Functional
    broadening_variance: float | None
    density_cutoff: float | None

    def core(self, positions: Tensor, cell: Tensor) -> Tensor | None:
        """Core density on the grid, were the atoms elsewhere in another cell.

        Parameters
        ----------
        positions
            Å, [atom, 3].
        cell
            Lattice vectors in Å as rows, [3, 3].

        Returns
        -------
        Tensor or None
            1/Å³, [x, y, z], differentiable; none if no ion has one.
        """
        return core_density_of_all(
            self.cores, self.symbols, positions, self.grid, cell, self.density_cutoff
        )

    def energies(
        self, ldos: Tensor, electrons: float, *, bottom_tolerance: float = BOTTOM_TOLERANCE
    ) -> EnergyTerms:
        """Total free energy and its terms.

        Parameters
        ----------
        ldos
            1/(eV Å³), [x, y, z, energy].
        electrons
            Number of electrons; must neutralise the ions.
        bottom_tolerance
            As in :func:`~surrogate_hpo.physics.fermi.fermi_energy`.

        Returns
        -------
        EnergyTerms
            In eV per cell; errors of
            :func:`~surrogate_hpo.physics.total_energy.energy_terms_from_ldos`.
        """
        positions, cell = self.ions.positions, self.ions.cell
        return energy_terms_from_ldos(
            ldos,
            self.energy,
            cell=cell,
            positions=positions,
            charges=self.ions.charges,
            electrons=electrons,
            temperature=self.temperature,
            functional=self.functional,
            broadening_variance=self.broadening_variance,
            density_cutoff=self.density_cutoff,
            core_density=self.core(positions, cell),
            bottom_tolerance=bottom_tolerance,
        )

    def weights(self, fermi_energy: Tensor) -> tuple[Tensor, Tensor]:
        """Weights of the energies, [energy], that make of an LDOS the density, and its slope.

        Parameters
        ----------
        fermi_energy
            mu in eV, shape [].

        Returns
        -------
        Tensor, Tensor
            In eV for n, and without unit for dn/dmu.
        """
        return (
            occupation_weights(
                self.energy,
                fermi_energy,
                self.temperature,
                "electrons",
                broadening_variance=self.broadening_variance,
            ),
            electron_slope(
                self.energy,
                fermi_energy,
                self.temperature,
                broadening_variance=self.broadening_variance,
            ),
        )


def electron_slope(
    energy: Tensor, fermi_energy: Tensor, temperature: float, *, broadening_variance: float | None
) -> Tensor:
    r"""Derivative :math:`\partial w_{N,k}/\partial\mu` of the weights of the electrons.

    Parameters
    ----------
    energy
        Uniform energy axis in eV, shape [E].
    fermi_energy
        mu in eV, shape [].
    temperature
        Electronic temperature in K.
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.

    Returns
    -------
    Tensor
        Dimensionless, shape [E]; with it, :math:`n' = \sum_k w'_{N,k} d_k`.
    """

    def weights(mu: Tensor) -> Tensor:
        return occupation_weights(
            energy, mu, temperature, "electrons", broadening_variance=broadening_variance
        )

    _, slope = torch.func.jvp(weights, (fermi_energy,), (torch.ones_like(fermi_energy),))  # type: ignore[misc]
    return torch.as_tensor(slope)
