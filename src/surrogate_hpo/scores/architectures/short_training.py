"""Short training: how good the features are after some tens of optimiser steps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.scaling import fit_input_scaler
from surrogate_hpo.scores.architectures.batched_networks import StackedNetworks, shuffled_rows
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.architectures.readout import readout_errors
from surrogate_hpo.scores.architectures.scoring import Values, score_networks

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class ShortTraining:
    r"""Held-out error of a briefly trained network whose last layer is then solved exactly.

    The hidden layers are trained for some tens of steps, on whitened descriptors: SNAP components
    are highly collinear, and without whitening so few steps only rank how fast a network
    learns, which on aluminium says little about how well it does in the end. The last layer
    then comes from the ridge regression of `Readout`: its error tells how well the hidden
    layers carry over to other snapshots, as if the training of the last layer had converged.

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
    eigenvalue_floor
        Of the whitening; see `fit_input_scaler`.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    steps: int = 64
    points: int = 4000
    batch_size: int = 64
    learning_rate: float = 2e-3
    held_out_points: int = 4000
    ridge: float = 1e-6
    eigenvalue_floor: float = 3e-4
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
        (inputs, targets), held_out = data.labelled(rows), data.held_out(self.held_out_points)
        if not inputs.isfinite().all():
            return Values(torch.full((len(networks.weights[0]),), torch.nan))
        scaler = fit_input_scaler(inputs, "whitened", eigenvalue_floor=self.eigenvalue_floor)
        training = scaler.transform(inputs), targets
        self._train(networks, *training)
        others = scaler.transform(held_out[0]), held_out[1]
        return Values(readout_errors(networks, training, others, ridge=self.ridge))

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
