"""Forces and stress of held-out snapshots from the LDOS that trained models predict."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import flat
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.physics.forces import FreeEnergyGradient, Ions, free_energy_gradient
from surrogate_hpo.physics.free_energy_gradient import electron_slope
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.predict.descriptor_chain import DescriptorChain
from surrogate_hpo.predict.energies import FERMI_ENERGY, SnapshotEnergies
from surrogate_hpo.predict.held_out import BLOCK_POINTS, HeldOut
from surrogate_hpo.run.devices import device_name

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
        self._snapshot, self._potentials = snapshot, potentials
        self._symbols = snapshot.atoms.get_chemical_symbols()
        charges = [potentials[symbol].z_valence for symbol in self._symbols]
        self._ions = Ions(
            positions=torch.from_numpy(snapshot.atoms.positions),
            charges=torch.tensor(charges, dtype=torch.float64),
            cell=torch.from_numpy(snapshot.ldos.cell),
        )
        self._ewald = self._ions.ewald()
        self._models: list[SurrogateModel] = []
        self._gradients: list[FreeEnergyGradient] = []
        self._points = flat(snapshot.descriptors.values)
        self._block = min(block_points, BLOCK_POINTS)
        self._chain = DescriptorChain(
            snapshot.descriptors.definition,
            snapshot.atoms,
            cast(tuple[int, int, int], snapshot.ldos.values.shape[:3]),
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
        result, energy = self._snapshot.result, torch.from_numpy(found.energy_axis)
        fermi_energy = torch.tensor(found.energies[FERMI_ENERGY], dtype=torch.float64)
        temperature = result.electronic_temperature
        variance = self._snapshot.ldos.axis.broadening_variance
        weights = occupation_weights(
            energy, fermi_energy, temperature, "electrons", broadening_variance=variance
        )
        slope = electron_slope(energy, fermi_energy, temperature, broadening_variance=variance)
        return free_energy_gradient(
            density_from_ldos(ldos, weights),
            density_from_ldos(ldos, slope),
            torch.from_numpy(found.dos),
            energy,
            fermi_energy=fermi_energy,
            temperature=temperature,
            ions=self._ions,
            ewald=self._ewald,
            # A plain string in the JSON; unknown ones were refused by the integrals.
            functional=cast(Functional, result.functional),
            core=self._core_density,
            broadening_variance=variance,
            density_cutoff=result.density_cutoff,
        )

    def _core_density(self, positions: torch.Tensor, cell: torch.Tensor) -> torch.Tensor | None:
        return core_density_of_all(
            self._potentials,
            self._symbols,
            positions,
            self._snapshot.ldos.values.shape[:3],
            cell,
            self._snapshot.result.density_cutoff,
        )
