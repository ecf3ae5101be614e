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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.energy_terms import EnergyTerm, EnergyTerms

STRENGTHS = (1.0, 3.0, 10.0)
RIDGES = (1e-3, 1e-2)
# The Hartree energy of the density's error is quadratic in the weights: found by iteration.
_ITERATIONS = 3
# A matrix of that many rows and columns takes 288 MB; with more snapshots, fewer of the
# displacements of each are taken.
_LARGEST_NUMBER_OF_ROWS = 6000


@dataclass(frozen=True)
class Readout:
    """A network with a fitted last layer, and what it makes of snapshots that are left out.

    Attributes
    ----------
    network
        A copy of the network; all but its last layer is unchanged.
    strength
        λ.
    ridge
        ρ.
    left_out_energies
        Shape (snapshots,): free energy of DFT minus prediction for each snapshot by a last layer
        that was fitted without it, eV/atom. The layers below have seen it.
    left_out_forces
        Shape (displacements of all snapshots,): the same of the derivative of the free energy
        along a displacement, eV/Å.
    """

    network: nn.Sequential
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor

    @property
    def energy_rmse(self) -> float:
        """Root mean square of the left-out energies' errors, eV/atom."""
        return float(self.left_out_energies.square().mean().sqrt())


@dataclass(frozen=True)
class _Sums:
    """What a snapshot's energy and forces are made of.

    Attributes
    ----------
    hidden
        Shape (points, units): the last hidden units and a one.
    rows
        Shape (1 + displacements, 2, units): sums over the points without and with the field, then
        their derivatives.
    """

    hidden: Tensor
    rows: Tensor


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

    def change(self, inverse: Tensor, coefficients: Tensor) -> Tensor:
        """Shape (units, energies): the change of the weights."""
        return inverse @ torch.einsum("r,rau,rae->ue", coefficients, self.units, self.energies)


def fit_readout(
    network: nn.Sequential,
    terms: EnergyTerms,
    *,
    strengths: Sequence[float] = STRENGTHS,
    ridges: Sequence[float] = RIDGES,
) -> Readout:
    """Fit the last layer to the energies and forces of the training snapshots.

    Parameters
    ----------
    network
        Trained; its last module is linear. It is not changed.
    terms
        Training snapshots, on the device of the network, and the weights of energies and forces.
    strengths, ridges
        λ and ρ to choose from: those with the smallest error of left-out energies.

    Returns
    -------
    Readout
        With the network on its device.
    """
    last = cast(nn.Linear, network[-1])
    weights = torch.cat([last.weight.detach().T, last.bias.detach()[None]]).double().cpu()
    body = cast(nn.Sequential, network[:-1])
    sums = [_sums(body, term, _displacements(terms)) for term in terms.terms]
    problem = _problem(terms, sums)
    found = [
        _fit(problem, terms.terms, sums, weights, strength, ridge)
        for ridge in ridges
        for strength in strengths
    ]
    best = min(found, key=lambda fit: float(fit.left_out_energies.square().mean()))
    fitted = copy.deepcopy(network)
    layer = cast(nn.Linear, fitted[-1])
    with torch.no_grad():
        layer.weight.copy_(best.weights[:-1].T)
        layer.bias.copy_(best.weights[-1])
    return Readout(fitted, best.strength, best.ridge, best.left_out_energies, best.left_out_forces)


def _displacements(terms: EnergyTerms) -> int:
    """How many displacements of each snapshot are taken."""
    if not terms.force_weight:
        return 0
    return max(0, _LARGEST_NUMBER_OF_ROWS // len(terms.terms) - 1)


@torch.no_grad()
def _sums(body: nn.Sequential, term: EnergyTerm, displacements: int) -> _Sums:
    def with_one(values: Tensor, one: float) -> Tensor:
        return torch.cat([values, torch.full_like(values[:, :1], one)], dim=1).double()

    def summed(values: Tensor) -> Tensor:
        return torch.stack([values.sum(0), field @ values])

    field = term.field.double()
    hidden = with_one(body(term.inputs), 1.0)
    rows = [summed(hidden)]
    for tangent in term.tangents[:displacements]:
        _, change = torch.func.jvp(body, (term.inputs,), (tangent,))  # type: ignore[misc]
        rows.append(summed(with_one(change, 0.0)))
    return _Sums(hidden.cpu(), torch.stack(rows).cpu())


def _problem(terms: EnergyTerms, sums: Sequence[_Sums]) -> _Problem:
    snapshots, displacements = len(sums), sum(len(one.rows) - 1 for one in sums)
    units, energies, weights, blocks, begin = [], [], [], [], 0
    for term, one in zip(terms.terms, sums, strict=True):
        count = len(one.rows)
        scale = torch.ones(count, dtype=torch.float64)
        scale[0] = 1 / term.atoms
        weight = torch.full((count,), terms.force_weight / max(displacements, 1)).double()
        # Without weight an energy would not be fitted, nor its error be known.
        weight[0] = (terms.energy_weight or terms.force_weight) / snapshots
        pair = torch.stack([term.band, term.density]).double().cpu()
        units.append(one.rows * scale[:, None, None])
        energies.append(pair.expand(count, *pair.shape))
        weights.append(weight)
        blocks.append(slice(begin, begin + count))
        begin += count
    gram = sum((one.hidden.T @ one.hidden / len(one.hidden) for one in sums), torch.tensor(0.0))
    return _Problem(
        torch.cat(units), torch.cat(energies), torch.cat(weights), blocks, gram / snapshots
    )


@dataclass(frozen=True)
class _Fit:
    """Weights for one strength and ridge, and the errors without each snapshot."""

    weights: Tensor
    strength: float
    ridge: float
    left_out_energies: Tensor
    left_out_forces: Tensor


def _fit(
    problem: _Problem,
    terms: Sequence[EnergyTerm],
    sums: Sequence[_Sums],
    weights: Tensor,
    strength: float,
    ridge: float,
) -> _Fit:
    inverse = problem.inverse_metric(ridge)
    system = problem.kernel(inverse) + torch.diag(1 / (strength * problem.weights))
    inverted = torch.linalg.inv(system)
    known = torch.einsum("rau,ue,rae->r", problem.units, weights, problem.energies)
    fitted = weights
    for _ in range(_ITERATIONS):
        wanted = [_wanted(*pair, fitted) for pair in zip(terms, sums, strict=True)]
        coefficients = inverted @ (torch.cat(wanted) - known)
        fitted = weights + problem.change(inverse, coefficients)
    energies, forces = [], []
    for block in problem.blocks:
        errors = torch.linalg.solve(inverted[block, block], coefficients[block])
        energies.append(errors[0])
        forces.append(errors[1:])
    return _Fit(fitted, strength, ridge, torch.stack(energies), torch.cat(forces))


def _wanted(term: EnergyTerm, sums: _Sums, weights: Tensor) -> Tensor:
    """What the linear part of energy per atom and forces has to be, given the Hartree part."""
    change = sums.hidden @ (weights @ term.density.double().cpu())
    change -= (term.targets.double() @ term.density.double()).cpu()
    waves = torch.fft.rfftn(change.reshape(term.grid))
    power = waves.real.square() + waves.imag.square()
    hartree = (term.repulsion.double().cpu() * power).sum()
    energy = (term.target + hartree) / term.atoms
    return torch.cat([energy[None], term.slopes[: len(sums.rows) - 1].double().cpu()])
