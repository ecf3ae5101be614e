"""Closed-form readout: an untrained network whose last layer alone is fitted."""

from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.batched_networks import StackedNetworks, shuffled_rows
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.architectures.scoring import Values, score_networks


@dataclass(frozen=True)
class Readout:
    r"""Held-out error of a ridge regression on the random features of the last hidden layer.

    .. math::
        W = (\Phi^T\Phi + \lambda I)^{-1} \Phi^T Y, \qquad
        \lambda = \rho\, \mathrm{tr}(\Phi^T\Phi) / h, \qquad
        s = \langle (\Phi_* W - Y_*)^2 \rangle

    with :math:`\Phi` the centred values of the h units of the last hidden layer, Y the
    centred scaled LDOS, and a star for held-out points. Random features: A. Rahimi and
    B. Recht, NIPS 2007; a network judged with random weights and a fitted readout: A. Saxe
    et al., ICML 2011.

    Attributes
    ----------
    points
        Number of points to fit to.
    held_out_points
        Number of points to measure the error on, at most.
    ridge
        The ratio :math:`\rho` of the ridge and the mean squared norm of a feature. It keeps
        the regression well-posed in float64 for any features.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    points: int = 2000
    held_out_points: int = 1000
    ridge: float = 1e-6
    name: ProxyName = "readout"
    label: str = "random features, ridge readout"
    direction: Direction = "minimise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        rows = shuffled_rows(len(data.inputs), self.points, seed=seed)
        return score_networks(
            self.name,
            architecture,
            data,
            lambda networks: self._errors(networks, data, rows),
            batch_size=len(rows),
            seed=seed,
            initialisations=initialisations,
        )

    def _errors(self, networks: StackedNetworks, data: ScoreData, rows: Tensor) -> Values:
        training, held_out = data.labelled(rows), data.held_out(self.held_out_points)
        return Values(readout_errors(networks, training, held_out, ridge=self.ridge))


@torch.no_grad()
def readout_errors(
    networks: StackedNetworks,
    training: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    *,
    ridge: float,
) -> Tensor:
    """Fit the last layer of each network by ridge regression and measure the held-out error.

    Parameters
    ----------
    networks
        Networks whose hidden layers are used as they are.
    training
        Inputs and targets to fit to, shapes (points, components) and (points, energies).
    held_out
        Inputs and targets to measure the error on.
    ridge
        Ratio of the ridge and the mean squared norm of a feature; see `Readout`.

    Returns
    -------
    torch.Tensor
        Shape (initialisations,), float64: mean squared errors, NaN where the features of a
        network are constant or not finite.
    """
    features, targets = networks.hidden(training[0])[-1].double(), training[1].double()
    centre, middle = features.mean(1, keepdim=True), targets.mean(0)
    features = features - centre
    gram = features.mT @ features
    diagonal = gram.diagonal(dim1=1, dim2=2)
    diagonal += ridge * diagonal.mean(1, keepdim=True)
    # Dead units leave a matrix without a factor: that initialisation fails, the others do not.
    factor, failed = torch.linalg.cholesky_ex(gram)
    weights = torch.cholesky_solve(features.mT @ (targets - middle), factor)
    predicted = (networks.hidden(held_out[0])[-1].double() - centre) @ weights + middle
    errors = (predicted - held_out[1]).square().mean((1, 2))
    return torch.where(failed == 0, errors, torch.nan)
