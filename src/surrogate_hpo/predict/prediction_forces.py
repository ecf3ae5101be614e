"""Forces and stress of a prediction: from the derivative by the LDOS back to the atoms."""

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.physics.forces import FreeEnergyGradient, structure_gradient
from surrogate_hpo.physics.prediction_grid import ONE_VOLUME, of_one_volume
from surrogate_hpo.physics.structure_integrals import StructureIntegrals
from surrogate_hpo.predict.contents import Conditions, Derivatives
from surrogate_hpo.predict.descriptor_chain import DescriptorChain, ForceScope
from surrogate_hpo.run.devices import device_name

FloatArray = NDArray[np.float64]
NOT_CALIBRATED = (
    "the forces have no error bar: fewer than two validation snapshots of the surrogate had forces "
    "of DFT; their standard deviation over the networks is not calibrated"
)


class FreeEnergyGradients:
    """Derivatives of the free energies of the networks by their LDOS, and then by the atoms.

    Between the two, a field on the grid is kept for each network.

    Parameters
    ----------
    structure
        What the LDOS of the structure is integrated with.
    """

    def __init__(self, structure: StructureIntegrals) -> None:
        self._structure, self._ewald = structure, structure.ions.ewald()
        # Those of each network by its LDOS, in the order in which they were added.
        self.found: list[FreeEnergyGradient] = []

    def add(
        self,
        dos: torch.Tensor,
        fermi_energy: torch.Tensor,
        density: torch.Tensor,
        density_slope: torch.Tensor,
    ) -> None:
        """Differentiate the free energy of the next network by its LDOS.

        Parameters
        ----------
        dos
            Its density of states in 1/eV, [energy].
        fermi_energy
            eV, shape [].
        density
            1/Å³, [x, y, z].
        density_slope
            Its derivative by the Fermi energy, 1/(eV Å³), [x, y, z].
        """
        self.found.append(
            structure_gradient(
                self._structure,
                density,
                density_slope,
                dos,
                fermi_energy=fermi_energy,
                ewald=self._ewald,
            )
        )

    def to_atoms(
        self,
        surrogate: Surrogate,
        atoms: Atoms,
        conditions: Conditions,
        descriptors: Scratch,
        scope: ForceScope,
    ) -> Derivatives:
        """Carry the derivatives back through networks and descriptors, block by block.

        Parameters
        ----------
        surrogate
            The networks, in the order in which they were added.
        atoms
            The structure.
        conditions
            How it is predicted.
        descriptors
            Those of all points of the grid.
        scope
            Whether each network is to have forces of its own.

        Returns
        -------
        Derivatives
            Forces and stress.
        """
        chain = DescriptorChain(
            surrogate.definition,
            atoms,
            self._structure.grid,
            threads=conditions.threads,
            device=device_name(use_gpu=conditions.use_gpu),
        )
        blocks = descriptors.blocks(conditions.block_points)
        forces, stress = chain.forces_and_stress(surrogate.models, self.found, blocks, scope)
        if scope == "mean":
            return Derivatives(forces.mean(0), stress.mean(0))
        return of_each(surrogate, forces, stress)


def of_each(surrogate: Surrogate, forces: FloatArray, stress: FloatArray) -> Derivatives:
    """Forces and stress of the ensemble from those of each network.

    Parameters
    ----------
    surrogate
        The networks, for the expected error.
    forces
        eV/Å, [network, atom, 3].
    stress
        eV/Å³, [network, 3, 3].

    Returns
    -------
    Derivatives
        Mean, each network, and expected error.
    """
    bar = surrogate.force_error_bar
    return Derivatives(
        forces=forces.mean(0),
        stress=stress.mean(0),
        forces_per_network=forces,
        stress_per_network=stress,
        forces_error_bar=None if bar is None else bar.bars(forces),
    )


def force_warnings(surrogate: Surrogate) -> list[str]:
    """Say whether the errors of forces can be told.

    Parameters
    ----------
    surrogate
        Networks and what they were calibrated on.

    Returns
    -------
    list of str
        A sentence if they cannot; else empty.
    """
    return [] if surrogate.force_error_bar is not None else [NOT_CALIBRATED]


def stress_warnings(surrogate: Surrogate) -> list[str]:
    """Say whether the training can have taught networks how a cell answers to a strain.

    Parameters
    ----------
    surrogate
        Networks and what they were trained on.

    Returns
    -------
    list of str
        A sentence if it cannot; else empty.
    """
    return [ONE_VOLUME] if of_one_volume(surrogate.origin.grids) else []
