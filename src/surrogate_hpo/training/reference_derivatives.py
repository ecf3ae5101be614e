"""Free energy of a training snapshot's own LDOS, with its derivatives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.physics.free_energy_gradient import (
    LdosCotangent,
    electron_slope,
    ion_gradient,
    ldos_cotangent,
)
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import energy_terms_from_ldos
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.xc.functionals import Functional


@dataclass(frozen=True)
class ReferenceSnapshot:
    """What is known of a training snapshot."""

    atoms: Atoms
    result: DftResult
    data: LdosData
    potentials: Mapping[str, Pseudopotential]


@dataclass(frozen=True)
class ReferenceDerivatives:
    """Free energy of the reference LDOS, its derivative by the LDOS, and the direct part by R."""

    free_energy: float
    cotangent: LdosCotangent
    ions: NDArray[np.float64]


def reference_derivatives(snapshot: ReferenceSnapshot) -> ReferenceDerivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    atoms, result, data = snapshot.atoms, snapshot.result, snapshot.data
    functional = cast(Functional, result.functional)
    variance = data.axis.broadening_variance
    cell, energy = torch.from_numpy(data.cell), torch.from_numpy(data.energy)
    ldos = torch.from_numpy(data.values)
    positions = torch.from_numpy(atoms.positions.copy()).requires_grad_()
    symbols = atoms.get_chemical_symbols()
    charges = torch.tensor(
        [snapshot.potentials[symbol].z_valence for symbol in symbols], dtype=torch.float64
    )
    core = core_density_of_all(
        snapshot.potentials, symbols, positions, data.values.shape[:3], cell, result.density_cutoff
    )
    core_at_rest = None if core is None else core.detach()
    temperature, cutoff = result.electronic_temperature, result.density_cutoff
    terms = energy_terms_from_ldos(
        ldos,
        energy,
        cell=cell,
        positions=positions.detach(),
        charges=charges,
        electrons=result.electrons,
        temperature=temperature,
        functional=functional,
        broadening_variance=variance,
        density_cutoff=cutoff,
        core_density=core_at_rest,
    )
    mu = terms.fermi_energy.detach()
    weights = occupation_weights(energy, mu, temperature, "electrons", broadening_variance=variance)
    slope = electron_slope(energy, mu, temperature, broadening_variance=variance)
    density = density_from_ldos(ldos, weights)
    cotangent = ldos_cotangent(
        density,
        density_from_ldos(ldos, slope),
        energy,
        fermi_energy=mu,
        temperature=temperature,
        cell=cell,
        functional=functional,
        broadening_variance=variance,
        density_cutoff=cutoff,
        core_density=core_at_rest,
    )
    core_energy = None
    if core is not None:
        exchange, potential = exchange_correlation(
            density, cell, functional, core, density_cutoff=cutoff, create_graph=True
        )
        core_energy = exchange - potential
    ions = ion_gradient(positions, charges, cell, core_energy=core_energy)
    return ReferenceDerivatives(float(terms.total_free_energy.detach()), cotangent, ions.numpy())
