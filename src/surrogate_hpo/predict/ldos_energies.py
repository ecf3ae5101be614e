"""Energies of one snapshot from its LDOS: the reference, or what a model predicts."""

import math
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.ldos_integrals import dos_from_ldos
from surrogate_hpo.physics.total_energy import energy_terms_from_ldos
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.predict.energies import QUANTITIES, REFERENCE_LDOS, SnapshotEnergies


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
    cell, positions = torch.from_numpy(data.cell), torch.from_numpy(atoms.positions)
    charges = [potentials[symbol].z_valence for symbol in atoms.symbols]
    terms = energy_terms_from_ldos(
        ldos,
        torch.from_numpy(data.energy),
        cell=cell,
        positions=positions,
        charges=torch.tensor(charges, dtype=torch.float64),
        electrons=result.electrons,
        temperature=result.electronic_temperature,
        # A plain string in the JSON; unknown ones are refused by the physics itself.
        functional=cast(Functional, result.functional),
        broadening_variance=data.axis.broadening_variance,
        density_cutoff=result.density_cutoff,
        core_density=core_density_of_all(
            potentials,
            atoms.get_chemical_symbols(),
            positions,
            values.shape[:3],
            cell,
            result.density_cutoff,
        ),
        # The noise of a prediction at the window's bottom is an error to report, not to refuse.
        bottom_tolerance=BOTTOM_TOLERANCE if source == REFERENCE_LDOS else math.inf,
    ).as_floats()
    return SnapshotEnergies(
        snapshot=snapshot,
        source=source,
        atoms=len(atoms),
        energies={name: terms[name] for name in QUANTITIES},
        energy_axis=data.energy,
        dos=dos_from_ldos(ldos, data.volume_element).numpy(),
    )
