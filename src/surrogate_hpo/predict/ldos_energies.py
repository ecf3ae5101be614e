"""Energies of one snapshot from its LDOS: the reference, or what a model predicts."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos
from surrogate_hpo.predict.energies import QUANTITIES, REFERENCE_LDOS, SnapshotEnergies
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot


def energies_of(
    snapshot: str,
    source: str,
    data: LdosData,
    values: NDArray[np.float32],
    atoms: Atoms,
    result: DftResult,
    potentials: Mapping[str, Pseudopotential],
) -> SnapshotEnergies:
    """Integrate an LDOS to all energies.

    Parameters
    ----------
    snapshot
        What the LDOS belongs to.
    source
        Where it comes from: `reference_ldos` or `seed-N`.
    data
        Energy axis, kernel, width and cell of the LDOS.
    values
        `[x, y, z, energy]`, 1/(eV Å³): the reference or a prediction.
    atoms
        The snapshot.
    result
        Its DFT run: electrons, temperature, functional, cutoff of the density.
    potentials
        Pseudopotential per element: ionic charges and core densities.

    Returns
    -------
    SnapshotEnergies
        Energies in eV per cell and the density of states in 1/eV.
    """
    ldos = torch.from_numpy(values)
    integrals = ReferenceSnapshot(atoms, result, data, potentials).integrals()
    # The noise of a prediction at the window's bottom is an error to report, not to refuse.
    tolerance = BOTTOM_TOLERANCE if source == REFERENCE_LDOS else math.inf
    terms = integrals.energies(ldos, result.electrons, bottom_tolerance=tolerance).as_floats()
    return SnapshotEnergies(
        snapshot=snapshot,
        source=source,
        atoms=len(atoms),
        energies={name: terms[name] for name in QUANTITIES},
        energy_axis=data.energy,
        dos=dos_from_ldos(ldos, data.volume_element).numpy(),
    )
