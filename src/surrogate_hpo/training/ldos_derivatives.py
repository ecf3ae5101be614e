"""Free energy of an LDOS of a training snapshot, own or predicted, with its derivatives."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.forces import structure_gradient
from surrogate_hpo.physics.free_energy_gradient import LdosCotangent
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class LdosDerivatives:
    """Free energy of an LDOS, its derivative by the LDOS, and what is direct.

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


def reference_derivatives(snapshot: ReferenceSnapshot) -> LdosDerivatives:
    """Integrate the reference LDOS and differentiate its free energy."""
    return _derivatives(snapshot, torch.from_numpy(snapshot.data.values), BOTTOM_TOLERANCE)


def predicted_derivatives(snapshot: ReferenceSnapshot, ldos: Tensor) -> LdosDerivatives:
    """Integrate a predicted LDOS of a snapshot and differentiate its free energy.

    Parameters
    ----------
    snapshot
        Its own LDOS is not looked at.
    ldos
        1/(eV Å³), shape (x, y, z, energies).

    Returns
    -------
    LdosDerivatives
        At this LDOS.

    Raises
    ------
    PhysicsError
        If the LDOS makes no sense: no Fermi energy, or a negative density.
    """
    # The noise at the window's bottom is that of a prediction.
    return _derivatives(snapshot, ldos, math.inf)


def _derivatives(
    snapshot: ReferenceSnapshot, ldos: Tensor, bottom_tolerance: float
) -> LdosDerivatives:
    integrals = snapshot.integrals()
    terms = integrals.energies(ldos, snapshot.result.electrons, bottom_tolerance=bottom_tolerance)
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
    return LdosDerivatives(energy, found.cotangent, found.positions.numpy(), found.strain.numpy())
