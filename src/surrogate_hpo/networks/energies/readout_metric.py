r"""What a change of the last layer costs: in the LDOS, the density of states and the density.

.. math::
    \frac{1}{E} \mathrm{tr}\, \delta W^T G\, \delta W
    + \frac{w_D}{E} \langle |\bar h W - \bar d|^2 \rangle + w_n \langle E_H[\delta n] / N \rangle

with means :math:`\bar h` of the hidden units and :math:`\bar d` of the reference's LDOS over the
points of a snapshot: its density of states. The density is one direction :math:`\hat n` of the
energies, nearly the same for all snapshots, so the metric is one matrix of the units beside it, and
a stiffer one along it. Both are costs of errors and not only of changes, so the metric has its
origin where all terms together are smallest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from surrogate_hpo.networks.energies.readout_sums import SnapshotSums


class Rows(NamedTuple):
    """Linear functions of the weights, each a sum of two products.

    Attributes
    ----------
    units
        Shape (rows, 2, units).
    energies
        Shape (rows, 2, energies).
    """

    units: Tensor
    energies: Tensor

    def some(self, numbers: Sequence[int]) -> "Rows":
        """Those of these numbers."""
        return Rows(self.units[numbers], self.energies[numbers])


@dataclass(frozen=True)
class Metric:
    """Inverses of the metric's two parts.

    Attributes
    ----------
    beside
        Shape (units, units): for all directions of the energies but one.
    along
        Shape (units, units): for the density's.
    direction
        Shape (energies,): that one, of length 1.
    force
        Shape (units, energies): half the derivative of the costs of the density of states and of
        the density by the weights, at those of the trained network.
    ridge
        ρ.
    """

    beside: Tensor
    along: Tensor
    direction: Tensor
    force: Tensor
    ridge: float

    def origin(self, weights: Tensor) -> Tensor:
        """The weights that cost least, from those of the trained network."""
        return weights - self._inverse(self.force)

    def products(self, first: Rows, second: Rows) -> Tensor:
        """Of rows with rows, in the inverse of the metric; shape (first, second)."""
        found = torch.zeros(len(first.units), len(second.units), dtype=first.units.dtype)
        (along, beside), (others_along, others_beside) = map(self._split, (first, second))
        for i in range(2):
            for j in range(2):
                units = first.units[:, i], second.units[:, j].T
                found += (units[0] @ self.beside @ units[1]) * (
                    beside[:, i] @ others_beside[:, j].T
                )
                found += (units[0] @ self.along @ units[1]) * torch.outer(
                    along[:, i], others_along[:, j]
                )
        return found

    def _split(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Energies along the density's direction, and beside it."""
        along = rows.energies @ self.direction
        return along, rows.energies - along[..., None] * self.direction

    def change(self, coefficients: Tensor, rows: Rows) -> Tensor:
        """The change of the weights by a sum of rows, shape (units, energies)."""
        return self._inverse(torch.einsum("r,rau,rae->ue", coefficients, rows.units, rows.energies))

    def _inverse(self, forces: Tensor) -> Tensor:
        of_density = forces @ self.direction
        rest = forces - torch.outer(of_density, self.direction)
        return self.beside @ rest + torch.outer(self.along @ of_density, self.direction)


def readout_metric(
    sums: Sequence[SnapshotSums],
    weights: Tensor,
    *,
    ridge: float,
    states_weight: float,
    density_weight: float,
) -> Metric:
    r"""Put the metric together.

    Parameters
    ----------
    sums
        Of each snapshot.
    weights
        Of the trained network, shape (units, energies).
    ridge
        ρ: part of the mean of G's diagonal that is added to it.
    states_weight
        w_D, beside the loss of the scaled LDOS.
    density_weight
        w_n in atoms/eV.

    Returns
    -------
    Metric
        Of all snapshots.
    """
    gram = torch.stack([one.gram for one in sums]).mean(0)
    eye = torch.eye(len(gram), dtype=gram.dtype)
    of_ldos = (gram + ridge * torch.diagonal(gram).mean() * eye) / weights.shape[1]
    means = torch.stack([one.rows[0, 0] / one.points for one in sums])
    errors = means @ weights - torch.stack([one.states for one in sums])
    per_snapshot = states_weight / (weights.shape[1] * len(sums))
    of_states = of_ldos + per_snapshot * means.T @ means
    density = torch.stack([one.density for one in sums]).mean(0)
    length = density.norm()
    repulsion = torch.stack([one.repulsion[:-1, :-1] / one.atoms for one in sums]).mean(0)
    fields = [one.hartree_field(weights) / one.atoms for one in sums]
    direction = density / length if length > 0 else density
    stiffness, pull = density_weight * length**2, density_weight * length
    pulled = pull * torch.outer(torch.stack(fields).mean(0), direction)
    return Metric(
        beside=torch.linalg.inv(of_states),
        along=torch.linalg.inv(of_states + stiffness * repulsion),
        direction=direction,
        force=per_snapshot * means.T @ errors + pulled,
        ridge=ridge,
    )
