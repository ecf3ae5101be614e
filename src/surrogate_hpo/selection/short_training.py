"""Short training: the held-out error after some tens of optimiser steps."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.selection.batched_networks import (
    StackedNetworks,
    initial_networks,
    initialisation_seeds,
    shuffled_rows,
)
from surrogate_hpo.selection.options import Direction, ProxyName
from surrogate_hpo.selection.proxy import ScoreData
from surrogate_hpo.selection.ranking import ArchitectureScore
from surrogate_hpo.selection.scoring import Values, scored


@dataclass(frozen=True)
class ShortTraining:
    r"""Mean squared error of the scaled LDOS on held-out points after a short training.

    All initialisations are trained at once, with stacked weights, by Adam (D. P. Kingma and
    J. Ba, arXiv:1412.6980) with the learning rate

    .. math:: \eta_t = \tfrac12 \eta (1 + \cos(\pi t / t_{max}))

    and see the same minibatches. Not training-free, but of the cost of the scores that are.

    Attributes
    ----------
    steps
        Number of optimiser steps.
    points
        Number of points to train on.
    batch_size
        Points per step.
    learning_rate
        Learning rate of the first step.
    held_out_points
        Number of points to measure the error on, at most.
    """

    steps: int = 48
    points: int = 4000
    batch_size: int = 250
    learning_rate: float = 3e-3
    held_out_points: int = 1000
    name: ProxyName = "short_training"
    label: str = "short training"
    direction: Direction = "minimise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        seeds = initialisation_seeds(seed, initialisations)
        rows = shuffled_rows(len(data.inputs), self.points, seed=seed)
        return scored(
            lambda: self._errors(architecture, data, seeds, rows),
            proxy=self.name,
            architecture=architecture,
            parameters=data.parameter_count(architecture),
            batch_size=len(rows),
            initialisations=initialisations,
        )

    def _errors(
        self, architecture: Architecture, data: ScoreData, seeds: list[int], rows: Tensor
    ) -> Values:
        networks = initial_networks(
            architecture,
            inputs=data.components,
            outputs=data.energies,
            seeds=seeds,
            device=data.inputs.device,
        )
        rows = rows.to(data.inputs.device)
        self._train(networks, data.inputs[rows], data.targets[rows])
        held_out, targets = data.held_out(self.held_out_points)
        with torch.no_grad():
            return Values((networks.outputs(held_out) - targets).square().mean((1, 2)))

    def _train(self, networks: StackedNetworks, inputs: Tensor, targets: Tensor) -> None:
        parameters = [parameter.requires_grad_() for parameter in networks.parameters]
        optimiser = torch.optim.Adam(parameters, lr=self.learning_rate, fused=True)
        batches = max(1, len(inputs) // self.batch_size)
        for step in range(self.steps):
            for group in optimiser.param_groups:
                group["lr"] = 0.5 * self.learning_rate * (1 + math.cos(math.pi * step / self.steps))
            # Every batch of the drawn order in turn; strided, so that all are of one size.
            batch = slice(step % batches, None, batches)
            outputs = networks.outputs(inputs[batch])
            # A sum over the initialisations keeps their gradients apart.
            loss = (outputs - targets[batch]).square().mean((1, 2)).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
