"""Sums over the points of a snapshot that make its energy and forces linear in the last layer."""

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Self

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
def snapshot_sums(
    body: nn.Sequential,
    streamed: StreamedTerm,
    displacements: int,
    *,
    weights: Tensor | None = None,
) -> SnapshotSums:
    r"""Sum the last hidden units, and their derivatives, over the points of a snapshot.

    Parameters
    ----------
    body
        The network without its last layer.
    streamed
        The snapshot; its derivatives are gone through once.
    displacements
        Largest number of them to take.
    weights
        Of the last layer, shape (units + 1, energies), where the term is near what they predict.
        Then the derivatives count that the potential of a change of the density acts on the whole
        density, which moves with the atoms, :math:`-2 E_H[\delta n, n'_u]`.

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
    waves = _Waves.of(term, hidden)
    band, density = term.band.double().cpu(), term.density.double().cpu()
    electrons = None if weights is None else (weights @ density).to(hidden)
    found = [summed(hidden)]
    for tangent in islice(streamed.tangents, displacements):
        _, change = torch.func.jvp(body, (term.inputs,), (tangent,))  # type: ignore[misc]
        change = with_one(change, 0.0)
        sums = summed(change)
        if electrons is not None:
            sums[1] -= 2 * waves.repulsion_with(change @ electrons)
        found.append(sums)
    rows = torch.stack(found).cpu()
    slopes, volumes = (one[: len(rows) - 1].double().cpu() for one in (term.slopes, term.volumes))
    wanted = torch.cat([torch.tensor([term.target], dtype=torch.float64), slopes])
    if weights is not None and streamed.lacks is not None:
        predicted = torch.einsum("rau,ue,ae->r", rows, weights, torch.stack([band, density]))
        wanted = predicted + streamed.lacks[: len(rows)]
    return SnapshotSums(
        band=band,
        density=density,
        atoms=term.atoms,
        points=len(hidden),
        wanted=wanted,
        volumes=torch.cat([torch.zeros(1, dtype=torch.float64), volumes]),
        states=term.targets.mean(0, dtype=torch.float64).cpu(),
        rows=rows,
        gram=(_product(hidden.T, hidden) / len(hidden)).cpu(),
        repulsion=waves.repulsion().cpu(),
        floor=term.floor,
    )


@dataclass(frozen=True)
class _Waves:
    """Fourier transforms of hidden units and, last, of the density of the reference.

    Attributes
    ----------
    waves
        Shape (units + 1, 2 waves): real and imaginary parts, in double precision.
    weights
        Shape (2 waves,): in their Hartree energy; that of a wave counts its negative, too.
    grid
        Points along each axis.
    """

    waves: Tensor
    weights: Tensor
    grid: tuple[int, int, int]

    @classmethod
    def of(cls, term: EnergyTerm, hidden: Tensor) -> Self:
        """Those of a snapshot."""
        reference = term.targets @ term.density
        fields = torch.cat([hidden, reference[:, None]], dim=1).T.reshape(-1, *term.grid)
        return cls(_parts(fields), term.repulsion.flatten().double().repeat(2), term.grid)

    @cached_property
    def weighted(self) -> Tensor:
        """Waves times their weights."""
        return self.waves * self.weights

    def repulsion(self) -> Tensor:
        """Hartree energies of all of them with each other."""
        return self.weighted @ self.waves.T

    def repulsion_with(self, electrons: Tensor) -> Tensor:
        """Hartree energies of the hidden units with a density, electrons per point."""
        (waves,) = _parts(electrons.reshape(1, *self.grid))
        found: Tensor = self.weighted[:-1] @ waves
        return found


def _parts(fields: Tensor) -> Tensor:
    """Real and imaginary parts of the Fourier transforms, shape (fields, 2 waves)."""
    waves = torch.fft.rfftn(fields, dim=(1, 2, 3)).flatten(1)
    return torch.cat([waves.real, waves.imag], dim=1).double()


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
