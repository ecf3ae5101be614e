r"""What a change of the last layer costs: in the loss of the LDOS, and in the density.

.. math::
    \frac{1}{E} \mathrm{tr}\, \delta W^T G\, \delta W + w_n \langle E_H[\delta n] / N \rangle

The density is one direction :math:`\hat n` of the energies, nearly the same for all snapshots, so
the metric is that of the LDOS beside it, and a stiffer one along it. The Hartree energy is that of
the error and not only of its change, so the metric has its origin where both terms are smallest.
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
        Shape (units,): half the derivative of the density's part by the weights along it, at those
        of the trained network.
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
        return weights - torch.outer(self.along @ self.force, self.direction)

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
        summed = torch.einsum("r,rau,rae->ue", coefficients, rows.units, rows.energies)
        of_density = summed @ self.direction
        rest = summed - torch.outer(of_density, self.direction)
        return self.beside @ rest + torch.outer(self.along @ of_density, self.direction)


def readout_metric(
    sums: Sequence[SnapshotSums], weights: Tensor, *, ridge: float, density_weight: float
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
    density = torch.stack([one.density for one in sums]).mean(0)
    length = density.norm()
    repulsion = torch.stack([one.repulsion[:-1, :-1] / one.atoms for one in sums]).mean(0)
    fields = [one.hartree_field(weights) / one.atoms for one in sums]
    stiffness, pull = density_weight * length**2, density_weight * length
    return Metric(
        beside=torch.linalg.inv(of_ldos),
        along=torch.linalg.inv(of_ldos + stiffness * repulsion),
        direction=density / length if length > 0 else density,
        force=pull * torch.stack(fields).mean(0),
        ridge=ridge,
    )
