"""Several initialisations of one architecture as stacked weights: one batched product per layer.

The networks are those of `build_network`, seed by seed, without a module for each of them.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import Activation

_VALUES: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
# Derivatives from the values, whose sign is that of the argument for both kinds of ReLU.
_SLOPES: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": lambda value: (value > 0).to(value.dtype),
    "leaky_relu": lambda value: torch.full_like(value, 0.01).masked_fill_(value > 0, 1.0),
    "sigmoid": lambda value: value * (1 - value),
    "tanh": lambda value: 1 - value * value,
}


@dataclass(frozen=True)
class StackedNetworks:
    """Initialisations of one architecture.

    Attributes
    ----------
    activation
        Non-linearity after each hidden layer.
    weights
        Per layer, shape (initialisations, outputs of the layer, inputs of the layer).
    biases
        Per layer, shape (initialisations, 1, outputs of the layer).
    """

    activation: Activation
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All weights and biases."""
        return (*self.weights, *self.biases)

    def hidden(self, inputs: Tensor) -> list[Tensor]:
        r"""Return the values of all hidden layers.

        .. math:: x_l = \phi(W_l x_{l-1} + b_l)

        Parameters
        ----------
        inputs
            Shape (points, components), the same for all initialisations.

        Returns
        -------
        list[torch.Tensor]
            Per hidden layer, shape (initialisations, points, units).
        """
        values = [inputs.expand(len(self.weights[0]), *inputs.shape)]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            before = torch.baddbmm(bias, values[-1], weight.mT)
            values.append(_VALUES[self.activation](before))
        return values[1:]

    def outputs(self, inputs: Tensor) -> Tensor:
        """Return the outputs, shape (initialisations, points, energies)."""
        return torch.baddbmm(self.biases[-1], self.hidden(inputs)[-1], self.weights[-1].mT)

    def input_jacobian(self, inputs: Tensor) -> Tensor:
        r"""Return the gradients of the summed outputs with respect to each input.

        .. math::
            J_{ic} = \frac{\partial \sum_\epsilon M_\epsilon(B_i)}{\partial B_{ic}},\qquad
            J_i = \mathbf{1}^T W_L \prod_{l=L-1}^{1} \mathrm{diag}(\phi'(z_{l,i}))\, W_l

        The outputs are linear, so their values are not needed.

        Parameters
        ----------
        inputs
            Shape (points, components).

        Returns
        -------
        torch.Tensor
            Shape (initialisations, points, components).
        """
        slope = _SLOPES[self.activation]
        gradient = self.weights[-1].sum(1, keepdim=True)
        for value, weight in zip(
            reversed(self.hidden(inputs)), reversed(self.weights[:-1]), strict=True
        ):
            gradient = torch.bmm(slope(value).mul_(gradient), weight)
        return gradient


def initialisation_seeds(seed: int, initialisations: int) -> list[int]:
    """Derive a seed for each initialisation.

    Parameters
    ----------
    seed
        Seed of the score.
    initialisations
        Their number.

    Returns
    -------
    list[int]
        63-bit seeds, as many as torch takes.

    Raises
    ------
    ConfigError
        No initialisation.
    """
    if initialisations < 1:
        raise ConfigError(
            "A score needs at least one initialisation.",
            expected="one or more",
            got=f"initialisations = {initialisations}",
        )
    words = [
        np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
        for number in range(initialisations)
    ]
    return [int(word) >> 1 for word in words]


def shuffled_rows(rows: int, count: int, *, seed: int) -> Tensor:
    """Draw distinct row numbers in random order; all of them where there are fewer.

    Parameters
    ----------
    rows
        Number of rows to choose from.
    count
        Wanted number.
    seed
        Seed of the draw.

    Returns
    -------
    torch.Tensor
        Row numbers, on the CPU, so that they are the same for all devices.
    """
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))[:count]


def initial_networks(
    architecture: Architecture,
    *,
    inputs: int,
    outputs: int,
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> StackedNetworks:
    r"""Draw the weights that `build_network` draws with each of these seeds.

    Parameters
    ----------
    architecture
        Hidden layers and activation.
    inputs
        Number of descriptor components.
    outputs
        Number of energies of the LDOS.
    seeds
        One per initialisation.
    dtype
        Type to convert the weights to; they are drawn as float32.
    device
        Device to move the weights to; they are drawn on the CPU.

    Returns
    -------
    StackedNetworks
        All initialisations.
    """
    pairs = list(itertools.pairwise((inputs, *architecture.hidden_widths, outputs)))
    weights = [torch.empty(len(seeds), fan_out, fan_in) for fan_in, fan_out in pairs]
    biases = [torch.empty(len(seeds), 1, fan_out) for _, fan_out in pairs]
    for number, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        for (fan_in, _), weight, bias in zip(pairs, weights, biases, strict=True):
            bound = 1 / math.sqrt(fan_in)
            weight[number].uniform_(-bound, bound, generator=generator)
            bias[number].uniform_(-bound, bound, generator=generator)
    return StackedNetworks(
        architecture.activation,
        tuple(weight.to(device, dtype) for weight in weights),
        tuple(bias.to(device, dtype) for bias in biases),
    )
