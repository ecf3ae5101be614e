"""Sums over the points of a snapshot that make its energy and forces linear in the last layer."""

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.energies.snapshot_energy import EnergyTerm, StreamedTerm

_POINTS_AT_ONCE = 16384


@dataclass(frozen=True)
class SnapshotSums:
    """What a snapshot's energy and forces are made of; nothing of it grows with the grid.

    Attributes
    ----------
    band
        Shape (energies,), as of `EnergyTerm`.
    density
        Shape (energies,), as of `EnergyTerm`.
    atoms
        Number of atoms.
    points
        Number of points.
    wanted
        Shape (1 + displacements,): what the linear parts of the energy in eV and of the forces
        in eV/Å have to be, the Hartree energy of the density's error apart.
    volumes
        Shape (1 + displacements,): as of `EnergyTerm`; 0 for the energy.
    states
        Shape (energies,): mean of the scaled LDOS of the reference over the points.
    rows
        Shape (1 + displacements, 2, units): sums of the last hidden units and a one over the
        points, without and with the field, then their derivatives.
    gram
        Shape (units, units): mean of the products of hidden units.
    repulsion
        Shape (units + 1, units + 1): Hartree energies of hidden units with each other and, last,
        with the density of the reference.
    floor
        As of `EnergyTerm`, eV/atom.
    """

    band: Tensor
    density: Tensor
    atoms: int
    points: int
    wanted: Tensor
    volumes: Tensor
    states: Tensor
    rows: Tensor
    gram: Tensor
    repulsion: Tensor
    floor: float

    def hartree_energy(self, weights: Tensor) -> Tensor:
        """Of the error of the density with these weights of the last layer, eV."""
        units = self._error(weights)
        return units @ self.repulsion @ units

    def hartree_field(self, weights: Tensor) -> Tensor:
        """Half of that energy's derivative by what the hidden units add to the density, eV."""
        return self.repulsion[:-1] @ self._error(weights)

    def _error(self, weights: Tensor) -> Tensor:
        """Shape (units + 1,): of the density, in hidden units and, last, the reference."""
        return torch.cat([weights @ self.density, -torch.ones(1, dtype=torch.float64)])


@torch.no_grad()
def snapshot_sums(body: nn.Sequential, streamed: StreamedTerm, displacements: int) -> SnapshotSums:
    """Sum the last hidden units, and their derivatives, over the points of a snapshot.

    Parameters
    ----------
    body
        The network without its last layer.
    streamed
        The snapshot; its derivatives are gone through once.
    displacements
        Largest number of them to take.

    Returns
    -------
    SnapshotSums
        On the CPU, in double precision.
    """

    def with_one(values: Tensor, one: float) -> Tensor:
        return torch.cat([values, torch.full_like(values[:, :1], one)], dim=1)

    def summed(values: Tensor) -> Tensor:
        return torch.stack([values.sum(0, dtype=torch.float64), _product(field, values)])

    term = streamed.term
    field = term.field
    hidden = with_one(body(term.inputs), 1.0)
    rows = [summed(hidden)]
    for tangent in islice(streamed.tangents, displacements):
        _, change = torch.func.jvp(body, (term.inputs,), (tangent,))  # type: ignore[misc]
        rows.append(summed(with_one(change, 0.0)))
    slopes, volumes = (one[: len(rows) - 1].double().cpu() for one in (term.slopes, term.volumes))
    return SnapshotSums(
        band=term.band.double().cpu(),
        density=term.density.double().cpu(),
        atoms=term.atoms,
        points=len(hidden),
        wanted=torch.cat([torch.tensor([term.target], dtype=torch.float64), slopes]),
        volumes=torch.cat([torch.zeros(1, dtype=torch.float64), volumes]),
        states=term.targets.mean(0, dtype=torch.float64).cpu(),
        rows=torch.stack(rows).cpu(),
        gram=(_product(hidden.T, hidden) / len(hidden)).cpu(),
        repulsion=_repulsion(term, hidden).cpu(),
        floor=term.floor,
    )


def _repulsion(term: EnergyTerm, hidden: Tensor) -> Tensor:
    reference = term.targets @ term.density
    fields = torch.cat([hidden, reference[:, None]], dim=1).T.reshape(-1, *term.grid)
    waves = torch.fft.rfftn(fields, dim=(1, 2, 3)).flatten(1)
    weighted = waves * term.repulsion.flatten()
    # The weights of a wave count its negative, too.
    return _product(weighted.real, waves.real.T) + _product(weighted.imag, waves.imag.T)


def _product(first: Tensor, second: Tensor) -> Tensor:
    """Matrix product, summed up in double precision, piece by piece of what is summed over."""
    count = second.shape[0]
    pieces = range(0, count, _POINTS_AT_ONCE)
    slices = [slice(begin, begin + _POINTS_AT_ONCE) for begin in pieces]
    found: Tensor = sum(
        (first[..., part].double() @ second[part].double() for part in slices[1:]),
        first[..., slices[0]].double() @ second[slices[0]].double(),
    )
    return found
