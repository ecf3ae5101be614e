"""The least-squares problem of a last layer, and its solutions."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.energies.readout_sums import SnapshotSums

# The Hartree energy of the density's error is quadratic in the weights: found by iteration.
_ITERATIONS = 3


@dataclass(frozen=True)
class Problem:
    """Rows of the least-squares problem: products of a part in units and one in energies.

    Attributes
    ----------
    units
        Shape (rows, 2, units).
    energies
        Shape (rows, 2, energies).
    weights
        Shape (rows,): of the squared errors, for λ = 1.
    blocks
        Rows of each snapshot, its energy first.
    gram
        Shape (units, units): mean of the products of hidden units.
    """

    units: Tensor
    energies: Tensor
    weights: Tensor
    blocks: Sequence[slice]
    gram: Tensor

    def inverse_metric(self, ridge: float) -> Tensor:
        """Inverse of G, times the number of energies."""
        mean = torch.diagonal(self.gram).mean() * ridge
        metric = self.gram + mean * torch.eye(len(self.gram), dtype=self.gram.dtype)
        inverse: Tensor = self.energies.shape[-1] * torch.linalg.inv(metric)
        return inverse

    def kernel(self, inverse: Tensor) -> Tensor:
        """Shape (rows, rows): products of the rows in the metric of the LDOS's loss."""
        rows = len(self.units)
        first, second = self.units.flatten(0, 1), self.energies.flatten(0, 1)
        products = (first @ inverse @ first.T) * (second @ second.T)
        found: Tensor = products.reshape(rows, 2, rows, 2).sum(dim=(1, 3))
        return found

    def values(self, weights: Tensor) -> Tensor:
        """Shape (rows,): the linear parts of energies per atom and forces."""
        return torch.einsum("rau,ue,rae->r", self.units, weights, self.energies)

    def change(self, inverse: Tensor, coefficients: Tensor) -> Tensor:
        """Shape (units, energies): the change of the weights."""
        return inverse @ torch.einsum("r,rau,rae->ue", coefficients, self.units, self.energies)


def least_squares(
    sums: Sequence[SnapshotSums], energy_weight: float, force_weight: float
) -> Problem:
    """Put the rows of all snapshots together.

    Parameters
    ----------
    sums
        Of each snapshot.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².

    Returns
    -------
    Problem
        Energies per atom and derivatives along displacements.
    """
    snapshots, displacements = len(sums), sum(len(one.rows) - 1 for one in sums)
    units, energies, weights, blocks, begin = [], [], [], [], 0
    for one in sums:
        count = len(one.rows)
        scale = torch.ones(count, dtype=torch.float64)
        scale[0] = 1 / one.atoms
        weight = torch.full((count,), force_weight / max(displacements, 1), dtype=torch.float64)
        weight[0] = energy_weight / snapshots
        units.append(one.rows * scale[:, None, None])
        energies.append(torch.stack([one.band, one.density]).expand(count, 2, len(one.band)))
        weights.append(weight)
        blocks.append(slice(begin, begin + count))
        begin += count
    gram = torch.stack([one.gram for one in sums]).mean(0)
    return Problem(torch.cat(units), torch.cat(energies), torch.cat(weights), blocks, gram)


@dataclass(frozen=True)
class Fit:
    """Weights for one strength and ridge, and the errors without each snapshot."""

    weights: Tensor
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor

    def error(self) -> float:
        """Mean square of the left-out energies' errors."""
        return float(self.left_out_energies.square().mean())


def as_it_is(problem: Problem, sums: Sequence[SnapshotSums], weights: Tensor) -> Fit:
    """The weights of a network without any change, with the errors that the form has for them."""
    errors = _wanted(sums, weights) - problem.values(weights)
    of_energies = torch.zeros(len(errors), dtype=torch.bool)
    of_energies[[block.start for block in problem.blocks]] = True
    return Fit(weights, 0.0, 0.0, errors[of_energies], errors[~of_energies])


def fitted_weights(
    problem: Problem, sums: Sequence[SnapshotSums], weights: Tensor, strength: float, ridge: float
) -> Fit:
    """Solve the problem for one strength and ridge.

    Parameters
    ----------
    problem
        The rows.
    sums
        Of each snapshot: what is wanted, and the Hartree energy of the density's error.
    weights
        Those of the network, shape (units, energies).
    strength
        λ.
    ridge
        ρ.

    Returns
    -------
    Fit
        With the errors of snapshots that were left out.
    """
    inverse = problem.inverse_metric(ridge)
    system = problem.kernel(inverse) + torch.diag(1 / (strength * problem.weights))
    inverted = torch.linalg.inv(system)
    known, fitted = problem.values(weights), weights
    coefficients = torch.zeros_like(known)
    for _ in range(_ITERATIONS):
        coefficients = inverted @ (_wanted(sums, fitted) - known)
        fitted = weights + problem.change(inverse, coefficients)
    energies, forces = [], []
    for block in problem.blocks:
        errors = torch.linalg.solve(inverted[block, block], coefficients[block])
        energies.append(errors[0])
        forces.append(errors[1:])
    return Fit(fitted, strength, ridge, torch.stack(energies), torch.cat(forces))


def form_errors(problem: Problem, sums: Sequence[SnapshotSums], weights: Tensor) -> Tensor:
    """Errors of the free energies as the form has them, eV/atom."""
    errors = problem.values(weights) - _wanted(sums, weights)
    return errors[[block.start for block in problem.blocks]]


def _wanted(sums: Sequence[SnapshotSums], weights: Tensor) -> Tensor:
    """What the linear parts of energies per atom and of forces have to be, given Hartree's."""
    found = []
    for one in sums:
        energy = (one.wanted[0] + one.hartree_energy(weights)) / one.atoms
        found += [energy[None], one.wanted[1:]]
    return torch.cat(found)


def root_mean_square(values: Tensor) -> float:
    """Over all elements."""
    return float(values.square().mean().sqrt())
