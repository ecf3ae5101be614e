"""ZiCo: how steady the gradients of an untrained network are from minibatch to minibatch."""

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
class GradientStatistics:
    r"""Sum over the layers of the inverse coefficient of variation of their gradients.

    .. math::
        s = \sum_l \log \sum_{\omega \in \theta_l}
            \frac{\langle |\nabla_\omega L| \rangle}{\mathrm{std}(|\nabla_\omega L|)}

    G. Li et al., "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients",
    ICLR 2023, arXiv:2301.11300. Mean and population standard deviation are over
    minibatches, L is the mean squared error of the scaled LDOS, and :math:`\theta_l` are the
    weights of layer l, the output layer included. A weight without any gradient, or whose
    gradients differ by no more than rounding, is left out.

    Attributes
    ----------
    minibatches
        Number of minibatches.
    points
        Grid points in each.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    minibatches: int = 4
    points: int = 64
    name: ProxyName = "zico"
    label: str = "gradient statistics (ZiCo)"
    direction: Direction = "maximise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        rows = shuffled_rows(len(data.inputs), self.minibatches * self.points, seed=seed)
        return score_networks(
            self.name,
            architecture,
            data,
            lambda networks: self._statistics(networks, data, rows),
            batch_size=len(rows),
            seed=seed,
            initialisations=initialisations,
        )

    def _statistics(self, networks: StackedNetworks, data: ScoreData, rows: Tensor) -> Values:
        gradients = [
            _absolute_gradients(networks, *data.labelled(batch))
            for batch in rows.tensor_split(self.minibatches)
        ]
        layers = [torch.stack(layer) for layer in zip(*gradients, strict=True)]
        return Values(torch.stack([_steadiness(layer) for layer in layers]).sum(0))


def _absolute_gradients(networks: StackedNetworks, inputs: Tensor, targets: Tensor) -> list[Tensor]:
    weights = [weight.detach().requires_grad_() for weight in networks.weights]
    outputs = StackedNetworks(networks.activation, tuple(weights), networks.biases).outputs(inputs)
    # A sum over the initialisations keeps the gradients of each apart.
    loss = (outputs - targets).square().mean((1, 2)).sum()
    return [gradient.abs() for gradient in torch.autograd.grad(loss, weights)]


def _steadiness(gradients: Tensor) -> Tensor:
    std, mean = torch.std_mean(gradients, dim=0, correction=0)
    rounding = 4 * torch.finfo(mean.dtype).eps * mean
    ratio = torch.where(std > rounding, mean / std, 0.0)
    return ratio.flatten(1).sum(1, dtype=torch.float64).log()
