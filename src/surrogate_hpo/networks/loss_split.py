r"""The LDOS error of a snapshot in two parts: common to its points, and from point to point.

With the error :math:`\delta_{pe}` of the scaled LDOS at the :math:`P` points of a snapshot and
:math:`E` energies, and weights :math:`w_e`:

.. math::

    \frac{1}{PE} \sum_{pe} w_e \delta_{pe}^2
        = \frac{1}{E} \sum_e w_e \bar\delta_e^2
        + \frac{1}{PE} \sum_{pe} w_e (\delta_{pe} - \bar\delta_e)^2,
    \qquad \bar\delta_e = \frac1P \sum_p \delta_{pe}

The first part is the squared error of the snapshot's mean LDOS, its density of states per
point: it goes into the energies in full. The rest cancels in the density of states.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from surrogate_hpo.networks.batches import Rows


@dataclass(frozen=True)
class LossSplit:
    """Mean squared error of the scaled LDOS of one snapshot, or of several.

    Attributes
    ----------
    points
        Number of grid points.
    loss
        The error.
    common
        Its part that all points of a snapshot share.
    """

    points: int
    loss: float
    common: float

    @property
    def rest(self) -> float:
        """What differs from point to point."""
        return self.loss - self.common

    @property
    def common_share(self) -> float:
        """Part of the error that is common; NaN if there is no error."""
        return self.common / self.loss if self.loss > 0 else float("nan")


@torch.no_grad()
def loss_split(network: nn.Module, rows: Iterable[Rows], weights: Tensor | None) -> LossSplit:
    """Measure the error of a snapshot and split it.

    Parameters
    ----------
    network
        From scaled descriptors to scaled LDOS.
    rows
        Scaled descriptors (points, components) and LDOS (points, energies) of all points of
        the snapshot, in pieces that the network can be run on, on the network's device.
    weights
        Shape (energies,): factors on the squared errors; ones if left out.

    Returns
    -------
    LossSplit
        Sums over the points are in float64. NaN without points.
    """
    points = 0
    sums: Tensor | None = None
    for inputs, targets in rows:
        difference = (network(inputs) - targets).to(torch.float64)
        found = torch.stack([difference.square().sum(0), difference.sum(0)]).cpu()
        sums = found if sums is None else sums + found
        points += len(inputs)
    if sums is None:
        return LossSplit(0, float("nan"), float("nan"))
    factors = torch.ones_like(sums[0]) if weights is None else weights.to(sums)
    squares, mean = sums / points
    return LossSplit(points, float((factors * squares).mean()), float((factors * mean**2).mean()))


def together(splits: Iterable[LossSplit]) -> LossSplit:
    """Mean over the points of all snapshots: its loss is that of the training's validation.

    Parameters
    ----------
    splits
        One per snapshot.

    Returns
    -------
    LossSplit
        Of all points; the common part is the mean of the snapshots' own.
    """
    found = list(splits)
    points = sum(split.points for split in found)
    loss, common = (
        sum(split.points * getattr(split, name) for split in found) / points
        for name in ("loss", "common")
    )
    return LossSplit(points, loss, common)
