"""The total free energy and its terms, from the LDOS or from its integrals."""

import math
from dataclasses import dataclass, fields

from torch import Tensor

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE, fermi_energy
from surrogate_hpo.physics.guards import check_cell
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.reciprocal import hartree_energy
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN


@dataclass(frozen=True)
class BandTerms:
    """Terms of the DOS, each a tensor of shape [] in eV (per cell but for the Fermi energy)."""

    fermi_energy: Tensor
    band_energy: Tensor
    entropy_term: Tensor


@dataclass(frozen=True)
class DensityTerms:
    """Terms of the density, each a tensor of shape [] in eV per cell."""

    hartree_energy: Tensor
    exchange_correlation_energy: Tensor
    exchange_correlation_potential_energy: Tensor


@dataclass(frozen=True)
class EnergyTerms:
    """The total free energy and its terms, each a tensor of shape [] in eV per cell."""

    fermi_energy: Tensor
    band_energy: Tensor
    entropy_term: Tensor
    hartree_energy: Tensor
    exchange_correlation_energy: Tensor
    exchange_correlation_potential_energy: Tensor
    ewald_energy: Tensor
    total_free_energy: Tensor

    def as_floats(self) -> dict[str, float]:
        """Give the terms as plain numbers in eV, by name."""
        return {field.name: float(getattr(self, field.name).detach()) for field in fields(self)}


def band_terms(
    dos: Tensor,
    energy: Tensor,
    electrons: float,
    temperature: float,
    *,
    broadening_variance: float | None = None,
    bottom_tolerance: float = BOTTOM_TOLERANCE,
) -> BandTerms:
    r"""Fermi energy, band energy and entropy term -TS of a density of states.

    .. math::
        E_{band} = \int \epsilon f D\,d\epsilon, \qquad
        -TS = kT \int [f\ln f + (1-f)\ln(1-f)] D\,d\epsilon

    Parameters
    ----------
    dos
        Density of states in 1/eV, spin factor included, shape [E].
    energy
        Uniform energy axis in eV, shape [E].
    electrons
        Number of electrons in the cell.
    temperature
        Electronic temperature in K.
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.
    bottom_tolerance
        As in :func:`~surrogate_hpo.physics.fermi.fermi_energy`.

    Returns
    -------
    BandTerms
        The terms in eV, differentiable with respect to `dos`.
    """
    mu = fermi_energy(
        dos,
        energy,
        electrons,
        temperature,
        broadening_variance=broadening_variance,
        bottom_tolerance=bottom_tolerance,
    )
    band, entropy = (
        occupation_weights(
            energy, mu, temperature, quantity, broadening_variance=broadening_variance
        )
        @ dos
        for quantity in ("band_energy", "entropy")
    )
    return BandTerms(mu, band, -BOLTZMANN_EV_PER_KELVIN * temperature * entropy)


def density_terms(
    density: Tensor,
    cell: Tensor,
    functional: Functional,
    *,
    core_density: Tensor | None = None,
    density_cutoff: float | None = None,
    create_graph: bool = False,
) -> DensityTerms:
    """Hartree and exchange-correlation terms of an electron density.

    Parameters
    ----------
    density
        Valence electron density in 1/Å³, shape [x, y, z].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    core_density
        Core density in 1/Å³, shape [x, y, z], or None.
    density_cutoff
        Largest kinetic energy in eV of the wave vectors; None takes all of the grid's.
    create_graph
        Whether the exchange-correlation terms are to be differentiated.

    Returns
    -------
    DensityTerms
        The terms in eV per cell.
    """
    energy, potential_energy = exchange_correlation(
        density,
        cell,
        functional,
        core_density,
        density_cutoff=density_cutoff,
        create_graph=create_graph,
    )
    hartree = hartree_energy(density, cell, density_cutoff=density_cutoff)
    return DensityTerms(hartree, energy, potential_energy)


def total_energy_terms(band: BandTerms, density: DensityTerms, ewald: Tensor) -> EnergyTerms:
    r"""Assemble the total free energy from its parts.

    .. math::
        A = E_{band} - TS - E_H + E_{xc} - \int v_{xc} n + E_{Ewald}

    Equation 7 of Fiedler et al., Mach. Learn.: Sci. Technol. 3, 045008 (2022), with the ions.
    """
    total = (
        band.band_energy
        + band.entropy_term
        - density.hartree_energy
        + density.exchange_correlation_energy
        - density.exchange_correlation_potential_energy
        + ewald
    )
    return EnergyTerms(**vars(band), **vars(density), ewald_energy=ewald, total_free_energy=total)


def energy_terms_from_ldos(
    ldos: Tensor,
    energy: Tensor,
    *,
    cell: Tensor,
    positions: Tensor,
    charges: Tensor,
    electrons: float,
    temperature: float,
    functional: Functional,
    broadening_variance: float | None = None,
    density_cutoff: float | None = None,
    core_density: Tensor | None = None,
    bottom_tolerance: float = BOTTOM_TOLERANCE,
    create_graph: bool = False,
) -> EnergyTerms:
    """Total free energy and its terms from the LDOS of a cell.

    The density uses the same weights as the Fermi energy, so that it integrates to `electrons`
    by construction (to rounding); it is not rescaled.

    Parameters
    ----------
    ldos
        LDOS in 1/(eV Å³), spin factor included, shape [x, y, z, E], any floating precision.
    energy
        Uniform energy axis in eV, on the zero of the DFT code, shape [E].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    positions
        Positions of the ions in Å, shape [atoms, 3].
    charges
        Valence charges of the ions, shape [atoms].
    electrons
        Number of electrons in the cell; must neutralise the ions.
    temperature
        Electronic temperature in K.
    functional
        "lda_pz", "lda_pw92", "pbe" or "pbesol".
    broadening_variance
        As in :func:`~surrogate_hpo.physics.quadrature.occupation_weights`.
    density_cutoff
        Largest kinetic energy in eV of the density's wave vectors; None takes all of the grid's.
    core_density
        Core density in 1/Å³, shape [x, y, z], or None.
    bottom_tolerance
        As in :func:`~surrogate_hpo.physics.fermi.fermi_energy`.
    create_graph
        Whether the result is to be differentiated.

    Returns
    -------
    EnergyTerms
        The terms in eV per cell.

    Raises
    ------
    ConfigError
        If the functional is unknown.
    DataError
        If an argument has the wrong shape, precision or unit.
    PhysicsError
        If the cell is charged, the energy window too small, or the density negative.
    """
    if ldos.dim() != 4:
        raise DataError(
            "the LDOS is not on a grid", expected="[x, y, z, E]", got=str(tuple(ldos.shape))
        )
    ionic_charge = float(charges.detach().sum())
    if not math.isclose(ionic_charge, electrons, abs_tol=1e-6):
        raise PhysicsError(
            "the cell is charged",
            expected=f"as many electrons as the ions' charges: {ionic_charge:g}",
            got=f"{electrons:g}",
        )
    dos = dos_from_ldos(ldos, check_cell(cell) / ldos[..., 0].numel())
    band = band_terms(
        dos,
        energy,
        electrons,
        temperature,
        broadening_variance=broadening_variance,
        bottom_tolerance=bottom_tolerance,
    )
    weights = occupation_weights(
        energy,
        band.fermi_energy,
        temperature,
        "electrons",
        broadening_variance=broadening_variance,
    )
    density = density_terms(
        density_from_ldos(ldos, weights),
        cell,
        functional,
        core_density=core_density,
        density_cutoff=density_cutoff,
        create_graph=create_graph,
    )
    return total_energy_terms(band, density, ewald_energy(positions, charges, cell))
