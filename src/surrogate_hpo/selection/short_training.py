"""Short training: the held-out errors after some tens of optimiser steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.selection.batched_networks import StackedNetworks, shuffled_rows
from surrogate_hpo.selection.options import Direction, ProxyName
from surrogate_hpo.selection.proxy import ScoreData
from surrogate_hpo.selection.ranking import ArchitectureScore
from surrogate_hpo.selection.readout import readout_errors
from surrogate_hpo.selection.scoring import Values, score_networks

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class ShortTraining:
    r"""Held-out error after a short training, and after its last layer is solved exactly.

    .. math:: s = \sqrt{e_{trained}\; e_{readout}}

    Both are mean squared errors of the scaled LDOS on held-out points: :math:`e_{trained}` of
    the network after the steps, which tells how fast it learns, and :math:`e_{readout}` of the
    same hidden layers with the last layer from the ridge regression of `Readout`, which tells
    how well they carry over to other snapshots once the training has converged. On aluminium
    neither ranks well alone against a long training: networks that learn fast can overfit.

    All initialisations are trained at once, with stacked weights, by Adam (D. P. Kingma and
    J. Ba, arXiv:1412.6980) with the learning rate

    .. math:: \eta_t = \tfrac12 \eta (1 + \cos(\pi t / t_{max}))

    and see the same minibatches. Not training-free, but cheap.

    Attributes
    ----------
    steps
        Number of optimiser steps.
    points
        Number of points to train on, and to fit the last layer to.
    batch_size
        Points per step.
    learning_rate
        Learning rate of the first step.
    held_out_points
        Number of points to measure the errors on, at most.
    ridge
        Of the regression; see `Readout`.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    steps: int = 64
    points: int = 4000
    batch_size: int = 128
    learning_rate: float = 2e-3
    held_out_points: int = 4000
    ridge: float = 1e-6
    name: ProxyName = "short_training"
    label: str = "short training"
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
        training = data.labelled(rows)
        self._train(networks, *training)
        held_out = data.held_out(self.held_out_points)
        with torch.no_grad():
            trained = (networks.outputs(held_out[0]) - held_out[1]).square().mean((1, 2))
        fitted = readout_errors(networks, training, held_out, ridge=self.ridge)
        return Values((trained * fitted).sqrt())

    def _train(self, networks: StackedNetworks, inputs: Tensor, targets: Tensor) -> None:
        batches = max(1, len(inputs) // self.batch_size)
        optimiser = _Adam(networks.parameters)
        for step in range(self.steps):
            # Every batch of the drawn order in turn; strided, so that all are of one size.
            batch = slice(step % batches, None, batches)
            outputs = networks.outputs(inputs[batch])
            # A sum over the initialisations keeps their gradients apart.
            loss = (outputs - targets[batch]).square().mean((1, 2)).sum()
            progress = step / self.steps
            optimiser.step(loss, 0.5 * self.learning_rate * (1 + math.cos(math.pi * progress)))


class _Adam:
    """Adam on a few large tensors.

    `torch.optim` imports its compiler at the first step: seconds that a score would be charged.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._parameters = [parameter.requires_grad_() for parameter in parameters]
        self._first = [torch.zeros_like(parameter) for parameter in parameters]
        self._second = [torch.zeros_like(parameter) for parameter in parameters]
        self._steps = 0

    def step(self, loss: Tensor, learning_rate: float) -> None:
        gradients = torch.autograd.grad(loss, self._parameters)
        self._steps += 1
        length = learning_rate / (1 - _BETA_1**self._steps)
        correction = math.sqrt(1 - _BETA_2**self._steps)
        with torch.no_grad():
            for parameter, gradient, first, second in zip(
                self._parameters, gradients, self._first, self._second, strict=True
            ):
                first.lerp_(gradient, 1 - _BETA_1)
                second.mul_(_BETA_2).addcmul_(gradient, gradient, value=1 - _BETA_2)
                root = second.sqrt().div_(correction).add_(_EPSILON)
                parameter.addcdiv_(first, root, value=-length)
