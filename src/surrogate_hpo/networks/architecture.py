"""What a network looks like, apart from how it is trained: layers, widths, activation."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np
import torch
from torch import nn

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.networks.options import Activation

ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)

_MODULES: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class Architecture:
    """A feed-forward network that maps the descriptors of one grid point to its LDOS.

    Attributes
    ----------
    hidden_widths
        Number of units of each hidden layer, from the input side; at least one layer.
    activation
        Non-linearity after each hidden layer; the output layer is linear.

    Raises
    ------
    ConfigError
        No hidden layer, a width below one, or an unknown activation.
    """

    hidden_widths: tuple[int, ...]
    activation: Activation

    def __post_init__(self) -> None:
        if not self.hidden_widths or any(width < 1 for width in self.hidden_widths):
            raise ConfigError(
                "An architecture needs hidden layers of at least one unit.",
                where="hidden_widths",
                expected="one or more positive integers",
                got=repr(self.hidden_widths),
            )
        if self.activation not in ACTIVATIONS:
            raise ConfigError(
                "Unknown activation.",
                where="activation",
                expected=", ".join(ACTIVATIONS),
                got=repr(self.activation),
            )

    @property
    def label(self) -> str:
        """Short name for tables and figures, such as ``256x256 leaky_relu``."""
        return f"{'x'.join(map(str, self.hidden_widths))} {self.activation}"

    def parameter_count(self, inputs: int, outputs: int) -> int:
        """Return the number of weights and biases for this many inputs and outputs."""
        widths = (inputs, *self.hidden_widths, outputs)
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(widths))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping that `from_dict` reads back."""
        return {"hidden_widths": list(self.hidden_widths), "activation": self.activation}

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Architecture":
        """Read what `to_dict` wrote.

        Parameters
        ----------
        mapping
            Exactly the keys ``hidden_widths`` and ``activation``.

        Returns
        -------
        Architecture
            The architecture described.

        Raises
        ------
        ConfigError
            Keys are missing or unknown, or a value makes no sense.
        """
        if set(mapping) != {"hidden_widths", "activation"}:
            raise ConfigError(
                "Not the description of an architecture.",
                expected="the keys activation, hidden_widths",
                got=", ".join(sorted(map(str, mapping))) or "no keys",
            )
        widths = tuple(int(width) for width in mapping["hidden_widths"])
        return cls(hidden_widths=widths, activation=cast(Activation, mapping["activation"]))


def search_space(
    layers: Sequence[int],
    widths: Sequence[int],
    activations: Sequence[Activation],
    *,
    equal_widths: bool = True,
    sample: int | None = None,
    seed: int = 0,
) -> list[Architecture]:
    """List the architectures that a scan should score.

    Parameters
    ----------
    layers
        Numbers of hidden layers to try.
    widths
        Numbers of units to try.
    activations
        Activations to try.
    equal_widths
        Give all layers of a network the same width. Otherwise every combination of
        widths is a candidate, ``len(widths) ** layers`` for each number of layers.
    sample
        Draw this many distinct candidates instead of returning all of them; all are
        returned when there are no more than that.
    seed
        Seed of the draw.

    Returns
    -------
    list[Architecture]
        Distinct architectures in the order of layers, widths, activations. A sample
        keeps this order.

    Raises
    ------
    ConfigError
        An empty list of choices, or a value that no architecture can have.
    """
    if not layers or not widths or not activations or min(layers) < 1:
        raise ConfigError(
            "The architecture search space is empty.",
            expected="at least one positive number of layers, one width and one activation",
            got=f"layers={list(layers)}, widths={list(widths)}, activations={list(activations)}",
        )
    layers, widths = list(dict.fromkeys(layers)), list(dict.fromkeys(widths))
    activations = list(dict.fromkeys(activations))
    sizes = [len(widths) ** (1 if equal_widths else depth) * len(activations) for depth in layers]
    total = sum(sizes)
    if sample is None or sample >= total:
        chosen: Sequence[int] = range(total)
    elif sample < 1:
        raise ConfigError("A sample needs at least one candidate.", where="sample", got=str(sample))
    else:
        # Candidates are addressed by number, so that a space too large to list can be sampled.
        chosen = sorted(np.random.default_rng(seed).choice(total, size=sample, replace=False))
    return [
        _candidate(int(number), layers, widths, activations, sizes, equal_widths)
        for number in chosen
    ]


def _candidate(
    number: int,
    layers: Sequence[int],
    widths: Sequence[int],
    activations: Sequence[Activation],
    sizes: Sequence[int],
    equal_widths: bool,
) -> Architecture:
    block = 0
    while number >= sizes[block]:
        number -= sizes[block]
        block += 1
    depth = layers[block]
    number, activation = divmod(number, len(activations))
    if equal_widths:
        hidden = (widths[number],) * depth
    else:
        digits = (number // len(widths) ** place % len(widths) for place in reversed(range(depth)))
        hidden = tuple(widths[digit] for digit in digits)
    return Architecture(hidden_widths=hidden, activation=activations[activation])


def build_network(
    architecture: Architecture, *, inputs: int, outputs: int, seed: int
) -> nn.Sequential:
    r"""Build a network with seeded random weights, on the CPU in float32.

    Weights and biases of a layer with :math:`n` inputs are drawn from
    :math:`U(-1/\sqrt n, 1/\sqrt n)` as in PyTorch's own `Linear`, but from a generator of
    their own: the global random state is neither used nor changed.

    Parameters
    ----------
    architecture
        Hidden layers and activation.
    inputs
        Number of descriptor components.
    outputs
        Number of energies of the LDOS.
    seed
        Seed of the initialisation; each initialisation needs its own.

    Returns
    -------
    torch.nn.Sequential
        Linear layers and activations in turn, a linear layer last.
    """
    generator = torch.Generator().manual_seed(seed)
    widths = (inputs, *architecture.hidden_widths, outputs)
    modules: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
        bound = 1 / math.sqrt(fan_in)
        with torch.no_grad():
            for tensor in layer.parameters():
                tensor.uniform_(-bound, bound, generator=generator)
        modules += [layer, _MODULES[architecture.activation]()]
    return nn.Sequential(*modules[:-1])
