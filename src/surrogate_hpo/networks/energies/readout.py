r"""The last layer of a trained network, fitted to energies and forces in closed form.

A gradient descent follows single snapshots in turn, and ends where the noise of its steps leaves
the sums over whole snapshots. In the weights W of the last layer they are linear: with the last
hidden units h(r) and a one for the bias, the free energy of a snapshot is (see `energy_terms`)

.. math::
    A = \mathrm{tr}\, W^T (s_1 \otimes b + s_v \otimes n) - E_H[\delta n] + \text{const}, \qquad
    s_1 = \sum_r h(r), \quad s_v = \sum_r v(r)\, h(r),

and so are the forces, with the derivatives of h along a displacement. So all energies and forces
of the training make a linear least-squares problem for the change of W,

.. math::
    \min_{\delta W} \frac{1}{E} \mathrm{tr}\, \delta W^T G\, \delta W
    + \lambda \Big[ w_A \langle (\delta A/N)^2 \rangle + w_F \langle \delta A_u'^2 \rangle \Big],
    \qquad G = \langle h h^T \rangle + \rho \langle |h|^2 \rangle / J,

whose first part is what the change costs in the loss of the LDOS. Its errors for snapshots that
are left out have a closed form, too; they decide the strength λ and the ridge ρ.
"""

import copy
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.energies.readout_sums import SnapshotSums, snapshot_sums
from surrogate_hpo.networks.energies.snapshot_energy import StreamedTerm
from surrogate_hpo.networks.options import LARGEST_NUMBER_OF_ROWS

STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
RIDGES = (1e-3, 1e-2)
# In the units of the scaled LDOS' loss: an error of 1 eV/atom or of 1 eV/Å.
ENERGY_WEIGHT, FORCE_WEIGHT = 0.1, 1e-3
# The Hartree energy of the density's error is quadratic in the weights: found by iteration.
_ITERATIONS = 3


@dataclass(frozen=True)
class Readout:
    """A network with a fitted last layer, and its errors for left-out snapshots.

    Attributes
    ----------
    network
        A copy of the network; all but its last layer is unchanged.
    strength
        λ; 0 if the network is better as it is, and then all of it is unchanged.
    ridge
        ρ.
    left_out_energies
        Shape (snapshots,): free energy of DFT minus prediction for each snapshot by a last layer
        that was fitted without it, eV/atom. The layers below have seen it. If the network is
        better as it is, these are the errors of the best fit nevertheless.
    left_out_forces
        Shape (displacements of all snapshots,): the same of the derivative of the free energy
        along a displacement, eV/Å.
    floor
        Root mean square of the snapshots' floors, eV/atom, see `EnergyTerm`.
    """

    network: nn.Sequential
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor
    floor: float

    @property
    def energy_rmse(self) -> float:
        """Root mean square of the left-out energies' errors, eV/atom."""
        return float(self.left_out_energies.square().mean().sqrt())


@dataclass(frozen=True)
class _Problem:
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


def fit_readout(
    network: nn.Sequential,
    terms: Iterable[StreamedTerm],
    snapshots: int,
    *,
    energy_weight: float = ENERGY_WEIGHT,
    force_weight: float = FORCE_WEIGHT,
    strengths: Sequence[float] = STRENGTHS,
    ridges: Sequence[float] = RIDGES,
    always: bool = False,
) -> Readout:
    """Fit the last layer to the energies and forces of the training snapshots.

    The network stays as it is if that has smaller errors for the snapshots, all of which it has
    seen, than the fitted ones for those that were left out.

    Parameters
    ----------
    network
        A trained network whose last module is linear. It is not changed.
    terms
        Training snapshots, on the device of the network; iterated over once, one at a time.
    snapshots
        Their number.
    energy_weight
        w_A in 1/(eV/atom)².
    force_weight
        w_F in 1/(eV/Å)².
    strengths
        Values of λ to choose from: the one with the smallest error of left-out energies is taken.
    ridges
        Values of ρ to choose from, in the same way.
    always
        Fit even where the network is better as it is.

    Returns
    -------
    Readout
        The result, with the network on its device.
    """
    last = cast(nn.Linear, network[-1])
    weights = torch.cat([last.weight.detach().T, last.bias.detach()[None]]).double().cpu()
    body = cast(nn.Sequential, network[:-1])
    displacements = max(0, LARGEST_NUMBER_OF_ROWS // snapshots - 1)
    sums = [snapshot_sums(body, one, displacements) for one in terms]
    problem = _problem(sums, energy_weight, force_weight)
    found = [
        _fit(problem, sums, weights, strength, ridge) for ridge in ridges for strength in strengths
    ]
    best_fit = min(found, key=_Fit.error)
    kept = [] if always else [_as_it_is(problem, sums, weights)]
    best = min([*kept, best_fit], key=_Fit.error)
    fitted = copy.deepcopy(network)
    if best.strength:
        layer = cast(nn.Linear, fitted[-1])
        with torch.no_grad():
            layer.weight.copy_(best.weights[:-1].T)
            layer.bias.copy_(best.weights[-1])
    return Readout(
        network=fitted,
        strength=best.strength,
        ridge=best.ridge,
        left_out_energies=best_fit.left_out_energies,
        left_out_forces=best_fit.left_out_forces,
        floor=math.sqrt(sum(one.floor**2 for one in sums) / len(sums)),
    )


def _problem(sums: Sequence[SnapshotSums], energy_weight: float, force_weight: float) -> _Problem:
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
    return _Problem(torch.cat(units), torch.cat(energies), torch.cat(weights), blocks, gram)


@dataclass(frozen=True)
class _Fit:
    """Weights for one strength and ridge, and the errors without each snapshot."""

    weights: Tensor
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor

    def error(self) -> float:
        """Mean square of the left-out energies' errors."""
        return float(self.left_out_energies.square().mean())


def _as_it_is(problem: _Problem, sums: Sequence[SnapshotSums], weights: Tensor) -> _Fit:
    errors = _wanted(sums, weights) - problem.values(weights)
    of_energies = torch.zeros(len(errors), dtype=torch.bool)
    of_energies[[block.start for block in problem.blocks]] = True
    return _Fit(weights, 0.0, 0.0, errors[of_energies], errors[~of_energies])


def _fit(
    problem: _Problem, sums: Sequence[SnapshotSums], weights: Tensor, strength: float, ridge: float
) -> _Fit:
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
    return _Fit(fitted, strength, ridge, torch.stack(energies), torch.cat(forces))


def _wanted(sums: Sequence[SnapshotSums], weights: Tensor) -> Tensor:
    """What the linear parts of energies per atom and of forces have to be, given Hartree's."""
    found = []
    for one in sums:
        energy = (one.wanted[0] + one.hartree_energy(weights)) / one.atoms
        found += [energy[None], one.wanted[1:]]
    return torch.cat(found)
