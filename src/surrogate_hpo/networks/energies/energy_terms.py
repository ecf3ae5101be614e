"""What whole snapshots add to the loss of a training, step by step.

See `networks.energies.snapshot_energy` for the error of one snapshot's free energy and forces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from surrogate_hpo.networks.batches import batch_count, random_order
from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm, StreamedTerm
from surrogate_hpo.networks.losses import dos_error, ldos_error

# The terms fade in over this part of a training: those of random networks are enormous.
_FADE_IN = 0.1


@dataclass(frozen=True)
class SnapshotBatch:
    """What one step of the optimiser sees of whole snapshots.

    Attributes
    ----------
    terms
        Some of the snapshots.
    step
        Number of the step since the beginning, which decides the displacements.
    """

    terms: Sequence[EnergyTerm]
    step: int

    @property
    def points(self) -> int:
        """Number of points of all of them."""
        return sum(len(term.inputs) for term in self.terms)


@dataclass(frozen=True)
class EnergyTerms:
    r"""All training snapshots, and the weights of their energies and forces in the loss.

    The loss of a step is the mean over some snapshots of

    .. math::
        \frac{1}{PE} \sum_{pe} \delta_{pe}^2 + w_A\, (\delta A / N)^2
            + w_F\, (\delta A'_u)^2 / K + w_n\, E_H[\delta n] / N

    with :math:`\delta_{pe}` the error of the scaled LDOS at the P points of the coarse grid, and
    one random displacement u with components of unit variance over the K directions that leave the
    volume as it is: along the others the slope is not wholly known.

    Attributes
    ----------
    terms
        One per training snapshot.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².
    density_weight
        w_n in atoms/eV: of the Hartree energy of the density's error.
    """

    terms: Sequence[EnergyTerm]
    energy_weight: float
    force_weight: float
    density_weight: float = 0.0

    def to(self, device: str | torch.device) -> "EnergyTerms":
        """Return the same on another device."""
        moved = [term.to(device) for term in self.terms]
        return replace(self, terms=moved)

    def streamed(self) -> Iterator[StreamedTerm]:
        """Yield the snapshots as they were before all of their derivatives were kept."""
        for term in self.terms:
            yield StreamedTerm(replace(term, tangents=term.tangents[:0]), iter(term.tangents))

    @property
    def training_points(self) -> int:
        """Number of points of the coarse grids."""
        return sum(len(term.inputs) for term in self.terms)

    def batch_count(self, batch_size: int) -> int:
        """Return the number of steps of an epoch, whole snapshots of about so many points each.

        Parameters
        ----------
        batch_size
            Wanted number of points per step.

        Returns
        -------
        int
            At least one, at most one per snapshot.
        """
        return min(len(self.terms), batch_count(self.training_points, batch_size))

    def batches(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0
    ) -> Iterator[SnapshotBatch]:
        """Yield an epoch's batches from number `start` on, each snapshot in one of them.

        Parameters
        ----------
        batch_size
            Wanted number of points per step.
        seed
            Of the training.
        epoch
            Number of the epoch, from 0.
        start
            Number of the first batch to yield.

        Yields
        ------
        SnapshotBatch
            One after the other.
        """
        count = self.batch_count(batch_size)
        pieces = random_order(len(self.terms), seed, epoch).tensor_split(count)
        for number in range(start, count):
            terms = [self.terms[int(index)] for index in pieces[number]]
            yield SnapshotBatch(terms, epoch * count + number)

    def losses(
        self,
        network: nn.Module,
        batch: SnapshotBatch,
        *,
        progress: float,
        seed: int,
        dos_weight: float = 0.0,
    ) -> tuple[Tensor, Tensor]:
        """Loss of a step, and the part of it that is the error of the LDOS.

        Parameters
        ----------
        network
            From scaled descriptors to scaled LDOS.
        batch
            Snapshots of the step.
        progress
            Part of the training that is done: energies and forces fade in over its first tenth.
        seed
            Of the training; with the number of the step it decides the displacements.
        dos_weight
            Weight of the squared error of each snapshot's density of states, per point, beside
            that of the LDOS.

        Returns
        -------
        tuple of Tensor
            Two scalars, the first with gradient.
        """
        fading = min(1.0, progress / _FADE_IN) ** 2
        generator = np.random.default_rng((seed, batch.step))
        points, sums = [], []
        for term in batch.terms:
            prediction, of_sums = self._errors(network, term, generator)
            points.append(ldos_error(prediction, term.targets))
            if dos_weight:
                of_sums = of_sums + dos_weight * dos_error(prediction, term.targets)
            sums.append(of_sums)
        ldos = torch.stack(points).mean()
        return ldos + fading * torch.stack(sums).mean(), ldos.detach()

    def _errors(
        self, network: nn.Module, term: EnergyTerm, generator: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Prediction, and weighted squared errors of the energy and of a force."""
        known = term.wholly_known
        directions = len(known)
        if not (self.force_weight and directions):
            prediction = network(term.inputs)
            return prediction, self._of_sums(term, prediction)
        coefficients = torch.zeros_like(term.slopes)
        coefficients[known] = torch.from_numpy(generator.standard_normal(directions)).to(
            term.slopes
        )
        prediction, slope, wanted = term.slope(network, coefficients)
        force = (slope - wanted).square() / directions
        return prediction, self._of_sums(term, prediction) + self.force_weight * force

    def _of_sums(self, term: EnergyTerm, prediction: Tensor) -> Tensor:
        energy = self.energy_weight * term.energy_error(prediction).square()
        if not self.density_weight:
            return energy
        return energy + self.density_weight * term.hartree_error(prediction)
