r"""What whole snapshots add to the loss of a training: their free energy and their forces.

The loss of the LDOS is a mean over points, which hardly constrains sums over all of them. An
energy is such a sum. For a training snapshot its error follows from that of the LDOS by the
derivative of the free energy, which is of rank two at each point, and by the one term of second
order that matters, the Hartree energy of the error of the density (it always lowers A: left out,
the surrogate's energies are 1 to 3 meV/atom too low),

.. math::
    \delta A = \sum_{rk} c_k(r)\,\delta d_k(r) - E_H[\delta n], \qquad
    c_k(r) = b_k + v(r)\, n_k, \qquad \delta n(r) = \sum_k n_k\,\delta d_k(r) .

The derivative turns the change of the descriptors with the positions into forces: with
the derivative :math:`B'_u(r)` of the descriptors along a displacement u of all atoms, the
network's Jacobian J and the direct part :math:`E'_u` (Ewald, core),

.. math::
    A'_u = \sum_{rk} c_k(r)\, [J B'_u(r)]_k + E'_u ,

which has to be minus the force of the DFT run along u. A snapshot of N atoms has one energy and
3N - 3 forces, so forces are what teaches a network how its sums vary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from surrogate_hpo.networks.batches import batch_count, random_order

# The terms fade in over this part of a training: those of random networks are enormous.
_FADE_IN = 0.1


@dataclass(frozen=True)
class EnergyTerm:
    """Free energy and forces of one training snapshot, for networks on scaled data.

    Attributes
    ----------
    inputs
        Shape (points, components): scaled descriptors on the coarse grid.
    targets
        Shape (points, energies): scaled LDOS there.
    band
        Shape (energies,): b in eV per unit of the scaled LDOS.
    density
        Shape (energies,): n, electrons per point and unit of the scaled LDOS.
    field
        Shape (points,): v in eV.
    repulsion
        Shape (x, y, z//2 + 1): weights of the squared Fourier transform of electrons per point in
        their Hartree energy, eV, see `physics.hartree.hartree_weights`.
    grid
        Points of the coarse grid along each axis.
    target
        What the sum over points and energies of c times the LDOS has to be, eV per cell.
    atoms
        Number of atoms.
    tangents
        Shape (directions, points, components): derivatives of the scaled descriptors by a
        displacement, 1/Å; no directions where forces are not known.
    slopes
        Shape (directions,): what the first sum of A' has to be, eV/Å.
    floor
        Free energy of the reference LDOS minus that of DFT, eV/atom.
    """

    inputs: Tensor
    targets: Tensor
    band: Tensor
    density: Tensor
    field: Tensor
    repulsion: Tensor
    grid: tuple[int, int, int]
    target: float
    atoms: int
    tangents: Tensor
    slopes: Tensor
    floor: float = 0.0

    def to(self, device: str | torch.device) -> "EnergyTerm":
        """Return the same on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in _TENSORS})

    def projection(self, values: Tensor) -> Tensor:
        """Sum over points and energies of c times an LDOS or its derivative.

        Parameters
        ----------
        values
            Shape (points, energies), scaled.

        Returns
        -------
        Tensor
            Scalar: eV, or eV/Å for a derivative by a displacement.
        """
        return values.sum(0) @ self.band + self.field @ (values @ self.density)

    def energy_error(self, prediction: Tensor) -> Tensor:
        """Error of the free energy.

        Parameters
        ----------
        prediction
            Shape (points, energies), scaled.

        Returns
        -------
        Tensor
            Scalar, eV per atom.
        """
        electrons = ((prediction - self.targets) @ self.density).reshape(self.grid)
        waves = torch.fft.rfftn(electrons)
        hartree = (self.repulsion * (waves.real.square() + waves.imag.square())).sum()
        error: Tensor = (self.projection(prediction) - hartree - self.target) / self.atoms
        return error

    def slope(self, network: nn.Module, coefficients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict and differentiate along a combination of the directions.

        Parameters
        ----------
        network
            From scaled descriptors to scaled LDOS.
        coefficients
            Shape (directions,).

        Returns
        -------
        tuple of Tensor
            The prediction, the derivative of the free energy by the LDOS' way, and what it
            should be, both in eV/Å.
        """
        tangent = torch.tensordot(coefficients, self.tangents, dims=1)
        prediction, change = torch.func.jvp(network, (self.inputs,), (tangent,))  # type: ignore[misc]
        return prediction, self.projection(change), coefficients @ self.slopes


@dataclass(frozen=True)
class StreamedTerm:
    """A snapshot whose derivatives come one after the other, because all of them may be large.

    Attributes
    ----------
    term
        The snapshot, with the slopes of all directions, but no tangents.
    tangents
        Shape (points, components) each, in the order of the slopes; gone through once.
    """

    term: EnergyTerm
    tangents: Iterator[Tensor]

    def joined(self) -> EnergyTerm:
        """The same with all tangents in memory."""
        kept = list(self.tangents)
        return replace(self.term, tangents=torch.stack(kept)) if kept else self.term


_TENSORS = ("inputs", "targets", "band", "density", "field", "repulsion", "tangents", "slopes")


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
            + w_F\, (\delta A'_u)^2 / K

    with :math:`\delta_{pe}` the error of the scaled LDOS at the P points of the coarse grid, and
    one random displacement u with components of unit variance over the K directions.

    Attributes
    ----------
    terms
        One per training snapshot.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².
    """

    terms: Sequence[EnergyTerm]
    energy_weight: float
    force_weight: float

    def to(self, device: str | torch.device) -> "EnergyTerms":
        """Return the same on another device."""
        moved = [term.to(device) for term in self.terms]
        return EnergyTerms(moved, self.energy_weight, self.force_weight)

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
        self, network: nn.Module, batch: SnapshotBatch, *, progress: float, seed: int
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
            points.append((prediction - term.targets).square().mean())
            sums.append(of_sums)
        ldos = torch.stack(points).mean()
        return ldos + fading * torch.stack(sums).mean(), ldos.detach()

    def _errors(
        self, network: nn.Module, term: EnergyTerm, generator: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Prediction, and weighted squared errors of the energy and of a force."""
        directions = len(term.slopes)
        if not (self.force_weight and directions):
            prediction = network(term.inputs)
            return prediction, self.energy_weight * term.energy_error(prediction).square()
        coefficients = torch.from_numpy(generator.standard_normal(directions)).to(term.slopes)
        prediction, slope, wanted = term.slope(network, coefficients)
        force = (slope - wanted).square() / directions
        energy = term.energy_error(prediction).square()
        return prediction, self.energy_weight * energy + self.force_weight * force
