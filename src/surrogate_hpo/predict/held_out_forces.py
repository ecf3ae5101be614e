"""Forces and stress of held-out snapshots from the LDOS that trained models predict."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import flat
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.physics.forces import FreeEnergyGradient, structure_gradient
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.predict.descriptor_chain import DescriptorChain
from surrogate_hpo.predict.energies import FERMI_ENERGY, SnapshotEnergies
from surrogate_hpo.predict.held_out import BLOCK_POINTS, HeldOut
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

FloatArray = NDArray[np.float64]


class HeldOutForces:
    """Derivatives of the free energies that `energies_by_source` gives.

    A field on the grid is kept for each model.

    Parameters
    ----------
    snapshot
        The snapshot.
    potentials
        Pseudopotential per element.
    block_points
        Grid points differentiated at a time; never more than `BLOCK_POINTS`, because the
        activations of a block are kept.
    threads
        CPU threads.
    use_gpu
        Differentiate the networks on CUDA.
    """

    def __init__(
        self,
        snapshot: HeldOut,
        potentials: Mapping[str, Pseudopotential],
        *,
        block_points: int = BLOCK_POINTS,
        threads: int = 1,
        use_gpu: bool = False,
    ) -> None:
        self._integrals = ReferenceSnapshot(
            snapshot.atoms, snapshot.result, snapshot.ldos, potentials
        ).integrals()
        self._ewald = self._integrals.ions.ewald()
        self._models: list[SurrogateModel] = []
        self._gradients: list[FreeEnergyGradient] = []
        self._points = flat(snapshot.descriptors.values)
        self._block = min(block_points, BLOCK_POINTS)
        self._chain = DescriptorChain(
            snapshot.descriptors.definition,
            snapshot.atoms,
            self._integrals.grid,
            threads=threads,
            device=device_name(use_gpu=use_gpu),
        )

    def add(self, model: TrainedModel, found: SnapshotEnergies, ldos: NDArray[np.float32]) -> None:
        """Differentiate the total free energy of one more model by its LDOS.

        Parameters
        ----------
        model
            The model.
        found
            What its LDOS integrates to.
        ldos
            The LDOS that it predicts, `[x, y, z, energy]`, 1/(eV Å³).
        """
        self._models.append(model.surrogate)
        self._gradients.append(self._gradient(found, torch.from_numpy(ldos)))

    def forces_and_stress(self) -> tuple[FloatArray, FloatArray]:
        """Carry the derivatives of all models back to the atoms, at once: the adjoint is shared.

        Returns
        -------
        array, array
            Forces in eV/Å, [model, atom, 3], and stress in eV/Å³, [model, 3, 3], ASE's sign; in
            the order in which the models were added.
        """
        blocks = (
            self._points[begin : begin + self._block]
            for begin in range(0, len(self._points), self._block)
        )
        return self._chain.forces_and_stress(self._models, self._gradients, blocks, "each")

    def _gradient(self, found: SnapshotEnergies, ldos: torch.Tensor) -> FreeEnergyGradient:
        """The derivative by the LDOS, where it was integrated with the same numbers."""
        mu = torch.tensor(found.energies[FERMI_ENERGY], dtype=torch.float64)
        density, slope = (density_from_ldos(ldos, one) for one in self._integrals.weights(mu))
        dos = torch.from_numpy(found.dos)
        return structure_gradient(
            self._integrals, density, slope, dos, fermi_energy=mu, ewald=self._ewald
        )
