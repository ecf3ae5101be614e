"""Several networks as one pass over points: their first layers are taken together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.ensemble.activations import activation_of
from surrogate_hpo.networks.model import SurrogateModel

ROWS_IN_CACHE = 512
"""Points at a time: the activations of a layer stay in a processor's cache."""


@dataclass(frozen=True)
class LaterLayers:
    """What of a network comes after its first layer.

    Attributes
    ----------
    columns
        Its part of the first layers' outputs.
    hidden
        Weights [fan in, fan out] and biases of the layers between the first and the last.
    activation
        After each of them.
    weight
        From the last hidden layer to the LDOS, [width, E], float64.
    bias
        [E], 1/(eV Å³), float64.
    """

    columns: slice
    hidden: list[tuple[Tensor, Tensor]]
    activation: Callable[[Tensor], Any]
    weight: Tensor
    bias: Tensor


class JoinedNetworks:
    """The layers of several networks up to the last hidden one.

    The scaling of the inputs is part of the first layers, which are taken for all networks at once.

    Parameters
    ----------
    models
        The networks; of any architectures, but one precision.
    device
        Device to compute on.
    rough
        Whether activations may err by 4e-7, which is faster.

    Raises
    ------
    DataError
        If the networks do not have the same descriptors, energies and precision.
    """

    def __init__(
        self, models: Sequence[SurrogateModel], *, device: str, rough: bool = False
    ) -> None:
        _check(models)
        self._device, self._precision = device, models[0].precision
        # Centred before it is rounded: small differences of large numbers keep their digits.
        offset = models[0].input_scaler.offset
        self._offset = offset.to(device)
        # What comes after the first layer, of each network.
        self.layers: list[LaterLayers] = []
        firsts, begin = [], 0
        for model in models:
            self.layers.append(_later_layers(model, begin, device, rough=rough))
            firsts.append(_first_layer(model, offset))
            begin = self.layers[-1].columns.stop
        # Weights of all first layers behind a plain shift, [components, width of all].
        self.first, self._first_bias = (
            torch.cat(parts, dim=-1).to(device, self._precision)
            for parts in zip(*firsts, strict=True)
        )

    def first_outputs(self, descriptors: Tensor) -> Tensor:
        """Take all first layers, before their activation.

        Parameters
        ----------
        descriptors
            Shape (points, components), unscaled, any float type.

        Returns
        -------
        Tensor
            [points, width of all], in the precision of the networks.

        Raises
        ------
        DataError
            The number of components is not the one the networks were trained on.
        """
        if descriptors.shape[-1] != len(self._offset):
            raise DataError(
                "These data do not fit the networks.",
                expected=f"{len(self._offset)} components in the last axis",
                got=f"shape {tuple(descriptors.shape)}",
            )
        centred = descriptors.to(self._device, torch.float64) - self._offset
        return torch.addmm(self._first_bias, centred.to(self._precision), self.first)

    def last_hidden(self, layers: LaterLayers, first: Tensor) -> Tensor:
        """Take the layers of one network up to its last hidden one.

        Parameters
        ----------
        layers
            One of `layers`.
        first
            What `first_outputs` has returned.

        Returns
        -------
        Tensor
            [points, width of its last hidden layer].
        """
        hidden: Tensor = layers.activation(first[:, layers.columns])
        for weight, bias in layers.hidden:
            hidden = layers.activation(torch.addmm(bias, hidden, weight))
        return hidden


def _first_layer(model: SurrogateModel, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Weight [components, width] and bias [width] of the first layer behind a plain shift."""
    layer, scaler = cast(nn.Linear, cast(nn.Sequential, model.network)[0]), model.input_scaler
    weight = scaler.forward @ layer.weight.detach().cpu().to(torch.float64).T
    shift = offset - scaler.offset
    return weight, layer.bias.detach().cpu().to(torch.float64) + shift @ weight


def _later_layers(model: SurrogateModel, begin: int, device: str, *, rough: bool) -> LaterLayers:
    network = cast(nn.Sequential, model.network).eval()
    linear = [cast(nn.Linear, layer) for layer in list(network)[::2]]
    last, scaler = linear[-1], model.output_scaler
    return LaterLayers(
        columns=slice(begin, begin + linear[0].out_features),
        hidden=[
            (layer.weight.detach().to(device).T, layer.bias.detach().to(device))
            for layer in linear[1:-1]
        ],
        activation=activation_of(network[1], device, model.precision, rough=rough),
        weight=(last.weight.detach().cpu().to(torch.float64).T @ scaler.backward).to(device),
        bias=(last.bias.detach().cpu().to(torch.float64) @ scaler.backward + scaler.offset).to(
            device
        ),
    )


def _check(models: Sequence[SurrogateModel]) -> None:
    sizes = [(model.input_scaler.features, model.output_scaler.features) for model in models]
    if len(set(sizes)) != 1 or len({model.precision for model in models}) != 1:
        raise DataError(
            "Networks that do not belong together.",
            expected="the same descriptors, energies and precision in all",
            got=f"components and energies {sizes}",
        )
