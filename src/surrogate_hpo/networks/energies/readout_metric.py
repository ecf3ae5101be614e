r"""What a change of the last layer costs: in the loss of the LDOS, and in the density.

.. math::
    \frac{1}{E} \mathrm{tr}\, \delta W^T G\, \delta W + w_n \langle E_H[\delta n] / N \rangle

The density is one direction :math:`\hat n` of the energies, nearly the same for all snapshots, so
the metric is that of the LDOS beside it, and a stiffer one along it. The Hartree energy is that of
the error and not only of its change, so the metric has its origin where both terms are smallest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.energies.readout_sums import SnapshotSums


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
    """

    beside: Tensor
    along: Tensor
    direction: Tensor
    force: Tensor

    def origin(self, weights: Tensor) -> Tensor:
        """The weights that cost least, from those of the trained network."""
        return weights - torch.outer(self.along @ self.force, self.direction)

    def kernel(self, units: Tensor, energies: Tensor) -> Tensor:
        """Products of the rows, shape (rows, rows).

        Parameters
        ----------
        units
            Shape (rows, 2, units).
        energies
            Shape (rows, 2, energies).
        """
        along = energies @ self.direction
        beside = energies - along[..., None] * self.direction
        found = torch.zeros(len(units), len(units), dtype=units.dtype)
        for i in range(2):
            for j in range(2):
                found += (units[:, i] @ self.beside @ units[:, j].T) * (
                    beside[:, i] @ beside[:, j].T
                )
                found += (units[:, i] @ self.along @ units[:, j].T) * torch.outer(
                    along[:, i], along[:, j]
                )
        return found

    def change(self, coefficients: Tensor, units: Tensor, energies: Tensor) -> Tensor:
        """The change of the weights by a sum of rows, shape (units, energies)."""
        summed = torch.einsum("r,rau,rae->ue", coefficients, units, energies)
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
    )
