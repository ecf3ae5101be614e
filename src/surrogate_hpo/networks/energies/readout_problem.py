"""The least-squares problem of a last layer, and its solutions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from surrogate_hpo.networks.energies.readout_metric import Metric, Rows
from surrogate_hpo.networks.energies.readout_sums import SnapshotSums

# The Hartree energy of the density's error is quadratic in the weights: Newton's steps.
_ITERATIONS = 4
_FIRST_FORCE = 2
# How much more the pressure that all snapshots share may add to a row than all else: it is free.
_FREE = 1e6


@dataclass(frozen=True)
class Problem:
    """What the weights have to give.

    Attributes
    ----------
    rows
        Energies per atom and forces.
    wanted
        Shape (rows,): what they have to be.
    weights
        Shape (rows,): of the squared errors, for λ = 1.
    blocks
        Rows of each snapshot: its energy, the part of it that is the density of states', forces.
    volumes
        Shape (rows,): what an unknown pressure that all snapshots share adds to each, as of
        `EnergyTerm`.
    """

    rows: Rows
    wanted: Tensor
    weights: Tensor
    blocks: Sequence[slice]
    volumes: Tensor

    @property
    def of_energies(self) -> list[int]:
        """Numbers of the rows that are free energies."""
        return [block.start for block in self.blocks]

    def errors(self, weights: Tensor) -> Tensor:
        """Shape (rows,): what is wanted, less what some weights give."""
        units, energies = self.rows
        return self.wanted - torch.einsum("rau,ue,rae->r", units, weights, energies)

    def at(self, sums: Sequence[SnapshotSums], weights: Tensor) -> "Problem":
        """The same with the Hartree energies of the density's errors, linear near some weights."""
        units, wanted = self.rows.units.clone(), self.wanted.clone()
        for row, one in zip(self.of_energies, sums, strict=True):
            field = 2 * one.hartree_field(weights) / one.atoms
            units[row, 1] -= field
            # E_H(W) = E_H(V) + 2 field (W - V) n: what does not depend on W is wanted.
            constant = one.hartree_energy(weights) / one.atoms - field @ weights @ one.density
            wanted[row] += constant
        return replace(self, rows=Rows(units, self.rows.energies), wanted=wanted)


def least_squares(
    sums: Sequence[SnapshotSums], energy_weight: float, force_weight: float, band_weight: float
) -> Problem:
    """Put the rows of all snapshots together, without the Hartree energies.

    Parameters
    ----------
    sums
        Of each snapshot.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².
    band_weight
        w_b in 1/(eV/atom)².

    Returns
    -------
    Problem
        Energies per atom and derivatives along displacements.
    """
    snapshots, displacements = len(sums), sum(len(one.rows) - 1 for one in sums)
    units, energies, wanted, weights, volumes = [], [], [], [], []
    blocks, begin = [], 0
    for one in sums:
        count = len(one.rows) + 1
        scale = torch.ones(count, dtype=torch.float64)
        scale[:_FIRST_FORCE] = 1 / one.atoms
        weight = torch.full((count,), force_weight / max(displacements, 1), dtype=torch.float64)
        weight[0], weight[1] = energy_weight / snapshots, band_weight / snapshots
        band = torch.stack([one.rows[0, 0], torch.zeros_like(one.rows[0, 1])])
        rows = torch.cat([one.rows[:1], band[None], one.rows[1:]])
        of_band = one.points * one.states @ one.band
        values = torch.cat([one.wanted[:1], of_band[None]])
        units.append(rows * scale[:, None, None])
        energies.append(torch.stack([one.band, one.density]).expand(count, 2, len(one.band)))
        wanted.append(torch.cat([values, one.wanted[1:]]) * scale)
        weights.append(weight)
        volumes.append(torch.cat([torch.zeros(1, dtype=torch.float64), one.volumes]))
        blocks.append(slice(begin, begin + count))
        begin += count
    linear = Rows(torch.cat(units), torch.cat(energies))
    return Problem(linear, torch.cat(wanted), torch.cat(weights), blocks, torch.cat(volumes))


@dataclass(frozen=True)
class Fit:
    """Weights for one strength and ridge, and the errors without each snapshot.

    Attributes
    ----------
    weights
        Of the last layer, shape (units, energies).
    strength
        λ.
    ridge
        ρ.
    left_out_energies
        Shape (snapshots,), eV/atom.
    left_out_forces
        Shape (displacements,), eV/Å.
    """

    weights: Tensor
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor

    def error(self, energy_weight: float, force_weight: float) -> float:
        """Weighted mean squares of the left-out errors: of energies alone, few snapshots decide."""
        energies = energy_weight * float(self.left_out_energies.square().mean())
        if not len(self.left_out_forces):
            return energies
        found = energies + force_weight * float(self.left_out_forces.square().mean())
        return math.inf if math.isnan(found) else found


def as_it_is(problem: Problem, sums: Sequence[SnapshotSums], weights: Tensor) -> Fit:
    """The weights of a network without any change, with the errors that the form has for them."""
    errors = problem.at(sums, weights).errors(weights)
    if (shared := problem.volumes).any():  # the pressure that fits best
        errors -= shared * (shared @ errors) / (shared @ shared)
    return Fit(weights, 0.0, 0.0, *_parts([errors[block] for block in problem.blocks]))


def fitted_weights(
    problem: Problem,
    sums: Sequence[SnapshotSums],
    metric: Metric,
    weights: Tensor,
    strengths: Sequence[float],
) -> Iterator[Fit]:
    """Solve the problem in one metric.

    Parameters
    ----------
    problem
        The rows.
    sums
        Of each snapshot, for the Hartree energies.
    metric
        What a change of the weights costs.
    weights
        Those of the trained network, shape (units, energies).
    strengths
        Values of λ.

    Yields
    ------
    Fit
        For each of them, with the errors of snapshots that were left out.
    """
    origin, changed = metric.origin(weights), problem.of_energies
    kernel = metric.products(problem.rows, problem.rows)
    for strength in strengths:
        matrix = kernel + torch.diag(1 / (strength * problem.weights))
        inverse = torch.linalg.inv(matrix + _of_shared_pressure(matrix, problem.volumes))
        fitted = origin
        # Only rows of energies change between Newton's steps.
        for _ in range(_ITERATIONS):
            here = problem.at(sums, fitted)
            products = metric.products(here.rows.some(changed), here.rows)
            inverted = _updated(inverse, changed, products - kernel[changed])
            coefficients = inverted @ here.errors(origin)
            fitted = origin + metric.change(coefficients, here.rows)
        left_out = [
            torch.linalg.solve(inverted[block, block], coefficients[block])
            for block in problem.blocks
        ]
        yield Fit(fitted, strength, metric.ridge, *_parts(left_out))


def _of_shared_pressure(matrix: Tensor, volumes: Tensor) -> Tensor:
    """What one more unknown, which adds the volumes to the rows, adds to their products."""
    if not (changed := volumes != 0).any():
        return torch.zeros_like(matrix)
    scale = torch.diagonal(matrix)[changed].mean() / volumes[changed].square().mean()
    return _FREE * scale * torch.outer(volumes, volumes)


def _updated(inverse: Tensor, rows: Sequence[int], change: Tensor) -> Tensor:
    """Inverse of a symmetric matrix after some of its rows and columns have changed (Woodbury)."""
    count = len(rows)
    selected = torch.zeros_like(change)
    selected[range(count), rows] = 1
    sides = torch.cat([selected, change])
    eye, none = torch.eye(count, dtype=change.dtype), torch.zeros(count, count, dtype=change.dtype)
    # The change is sides^T core sides, with the part that is in rows and columns counted once.
    inner = torch.cat([torch.cat([none, eye], 1), torch.cat([eye, change[:, rows]], 1)])
    pulled = sides @ inverse
    found: Tensor = inverse - pulled.T @ torch.linalg.solve(inner + pulled @ sides.T, pulled)
    return found


def _parts(blocks: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Energies and forces of all snapshots."""
    energies = torch.stack([block[0] for block in blocks])
    return energies, torch.cat([block[_FIRST_FORCE:] for block in blocks])


def root_mean_square(values: Tensor) -> float:
    """Over all elements."""
    return float(values.square().mean().sqrt())
