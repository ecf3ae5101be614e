"""Free energy of a training snapshot's own LDOS, with its derivatives."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.physics.free_energy_gradient import (
    LdosCotangent,
    ion_gradient,
    ldos_cotangent,
)
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot


@dataclass(frozen=True)
class ReferenceDerivatives:
    """Free energy of the reference LDOS, its derivative by the LDOS, and the direct part by R."""

    free_energy: float
    cotangent: LdosCotangent
    ions: NDArray[np.float64]


def reference_derivatives(snapshot: ReferenceSnapshot) -> ReferenceDerivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    integrals, ldos = snapshot.integrals(), torch.from_numpy(snapshot.data.values)
    terms = integrals.energies(ldos, snapshot.result.electrons)
    mu = terms.fermi_energy.detach()
    density, slope = (density_from_ldos(ldos, weights) for weights in integrals.weights(mu))
    ions, cutoff = integrals.ions, integrals.density_cutoff
    positions = ions.positions.clone().requires_grad_()
    core = integrals.core(positions, ions.cell)
    cotangent = ldos_cotangent(
        density,
        slope,
        integrals.energy,
        fermi_energy=mu,
        temperature=integrals.temperature,
        cell=ions.cell,
        functional=integrals.functional,
        broadening_variance=integrals.broadening_variance,
        density_cutoff=cutoff,
        core_density=None if core is None else core.detach(),
    )
    core_energy = None
    if core is not None:
        exchange, potential = exchange_correlation(
            density, ions.cell, integrals.functional, core, density_cutoff=cutoff, create_graph=True
        )
        core_energy = exchange - potential
    direct = ion_gradient(positions, ions.charges, ions.cell, core_energy=core_energy)
    return ReferenceDerivatives(float(terms.total_free_energy.detach()), cotangent, direct.numpy())
