"""Free energy of a training snapshot's own LDOS, with its derivatives."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.physics.forces import structure_gradient
from surrogate_hpo.physics.free_energy_gradient import LdosCotangent
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceDerivatives:
    """Free energy of the reference LDOS, its derivative by the LDOS, and what is direct.

    Attributes
    ----------
    free_energy
        eV.
    cotangent
        Derivative by the LDOS.
    positions
        By the positions at a fixed LDOS, eV/Å, shape (atoms, 3).
    strain
        By the strain at a fixed LDOS, eV, shape (3, 3).
    """

    free_energy: float
    cotangent: LdosCotangent
    positions: FloatArray
    strain: FloatArray


def reference_derivatives(snapshot: ReferenceSnapshot) -> ReferenceDerivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    integrals, ldos = snapshot.integrals(), torch.from_numpy(snapshot.data.values)
    terms = integrals.energies(ldos, snapshot.result.electrons)
    mu = terms.fermi_energy.detach()
    density, slope = (density_from_ldos(ldos, weights) for weights in integrals.weights(mu))
    volume = snapshot.atoms.get_volume() / density.numel()
    found = structure_gradient(
        integrals,
        density,
        slope,
        dos_from_ldos(ldos, volume),
        fermi_energy=mu,
        ewald=integrals.ions.ewald(),
    )
    energy = float(terms.total_free_energy.detach())
    return ReferenceDerivatives(
        energy, found.cotangent, found.positions.numpy(), found.strain.numpy()
    )
