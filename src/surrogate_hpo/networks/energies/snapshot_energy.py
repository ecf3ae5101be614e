r"""The error of a whole snapshot's free energy and forces, from that of its LDOS.

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

Of the force of a prediction this is the part that is linear in the error of the LDOS. The potential
of :math:`\delta n` acts on the whole density that moves with the atoms,
:math:`-2 E_H[\delta n, n'_u]`, which is of first order, too. Together with the linear part it could
be learnt, but then the two cancel in the cells of the training and in no others; so
:math:`E_H[\delta n]` itself is kept small.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

_TENSORS = (
    "inputs",
    "targets",
    "band",
    "density",
    "field",
    "repulsion",
    "tangents",
    "slopes",
    "volumes",
)


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
        their Hartree energy, eV, see `physics.reciprocal.hartree_weights`.
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
    volumes
        Shape (directions,): derivative of the volume, Å². Where it is not zero, the slope is known
        up to this times a pressure that all snapshots share.
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
    volumes: Tensor
    floor: float = 0.0

    def to(self, device: str | torch.device) -> "EnergyTerm":
        """Return the same on another device."""
        return replace(self, **{name: getattr(self, name).to(device) for name in _TENSORS})

    @cached_property
    def wholly_known(self) -> Tensor:
        """Numbers of the directions whose slopes are wholly known; looked at in each step."""
        return (self.volumes == 0).nonzero().flatten()

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
        difference = self.projection(prediction) - self.target
        return difference / self.atoms - self.hartree_error(prediction)

    def hartree_error(self, prediction: Tensor) -> Tensor:
        """Hartree energy of the error of the density, which is not negative.

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
        energy: Tensor = (self.repulsion * (waves.real.square() + waves.imag.square())).sum()
        return energy / self.atoms

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
    lacks
        Of a term near a prediction, shape (1 + directions,): DFT minus prediction of the free
        energy in eV and of its derivatives in eV/Å, exact where target and slopes are those of
        the coarse grid. None of a term near the reference.
    """

    term: EnergyTerm
    tangents: Iterator[Tensor]
    lacks: Tensor | None = None

    def joined(self) -> EnergyTerm:
        """The same with all tangents in memory."""
        kept = list(self.tangents)
        return replace(self.term, tangents=torch.stack(kept)) if kept else self.term
