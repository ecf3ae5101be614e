"""Sums over energy of the LDOS that several networks predict, without the LDOS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.model import SurrogateModel

_ROWS = 512
"""Points at a time: the activations of a layer stay in a processor's cache."""


@dataclass(frozen=True)
class _Layers:
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
    activation: nn.Module
    weight: Tensor
    bias: Tensor


class ProjectedEnsemble:
    r"""Density of states and weighted sums over energy, of several networks in one pass.

    The last layer and the scaling of the outputs are affine: with h the last hidden layer,

    .. math::
        d_k(r) = \sum_j h_j(r) W_{jk} + b_k, \qquad
        \sum_k w_k d_k(r) = \sum_j h_j(r) (Ww)_j + w \cdot b, \qquad
        \sum_r d_k(r) = \sum_j \Bigl(\sum_r h_j(r)\Bigr) W_{jk} + \sum_r b_k .

    So a few weights cost a few numbers per point, however many energies there are, and the DOS one
    product for all points. The scaling of the inputs is part of the first layers, which are taken
    for all networks at once; only the sums over h are float64. The numbers
    are those of the networks' own `predict` but for the rounding of their precision.

    Parameters
    ----------
    models
        The networks; of any architectures, but one precision.
    weights
        Weights w of each network, [weights, E], any unit; none where only its DOS is wanted.
    device
        Device to compute on.

    Raises
    ------
    DataError
        If the networks do not have the same descriptors and energies, or weights do not fit.
    """

    def __init__(
        self,
        models: Sequence[SurrogateModel],
        weights: Sequence[Tensor | None],
        *,
        device: str = "cpu",
    ) -> None:
        _check(models, weights)
        self._device, self._precision = device, models[0].precision
        scalers = [model.input_scaler for model in models]
        # Centred before it is rounded: small differences of large numbers keep their digits.
        self._offset = scalers[0].offset.to(device)
        self._layers: list[_Layers] = []
        firsts, begin = [], 0
        for model in models:
            layers = _layers(model, begin, device)
            self._layers.append(layers)
            firsts.append(_first_layer(model, scalers[0].offset))
            begin = layers.columns.stop
        self._first, self._first_bias = (
            torch.cat(parts, dim=-1).to(device, self._precision)
            for parts in zip(*firsts, strict=True)
        )
        self._projections = [
            None
            if part is None
            else (layers.weight @ part.T.to(device), layers.bias @ part.T.to(device))
            for layers, part in zip(self._layers, weights, strict=True)
        ]
        self._sums = [
            torch.zeros(len(one.weight), dtype=torch.float64, device=device) for one in self._layers
        ]
        self._points = 0

    @torch.no_grad()
    def __call__(self, descriptors: Tensor) -> list[Tensor | None]:
        """Take some points.

        Parameters
        ----------
        descriptors
            Shape (points, components), unscaled, any float type.

        Returns
        -------
        list
            Weighted sums of each network's LDOS, [weights, points], float64 on the CPU; None
            where there are no weights.

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
        found: list[list[Tensor]] = [[] for _ in self._layers]
        for chunk in row_chunks(descriptors, _ROWS):
            centred = (chunk.to(self._device, torch.float64) - self._offset).to(self._precision)
            first = torch.addmm(self._first_bias, centred, self._first)
            for number, (layers, projection) in enumerate(
                zip(self._layers, self._projections, strict=True)
            ):
                hidden = layers.activation(first[:, layers.columns])
                for weight, bias in layers.hidden:
                    hidden = layers.activation(torch.addmm(bias, hidden, weight))
                hidden = hidden.to(torch.float64)
                self._sums[number] += hidden.sum(dim=0)
                if projection is not None:
                    found[number].append(torch.addmm(projection[1], hidden, projection[0]).T.cpu())
        self._points += len(descriptors)
        return [torch.cat(parts, dim=1) if parts else None for parts in found]

    def dos(self) -> Tensor:
        """Sum of the LDOS over the points so far, [network, E], 1/(eV Å³), float64 on the CPU."""
        sums = [
            total @ layers.weight + self._points * layers.bias
            for total, layers in zip(self._sums, self._layers, strict=True)
        ]
        return torch.stack(sums).cpu()


def _first_layer(model: SurrogateModel, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Weight [components, width] and bias [width] of the first layer behind a plain shift."""
    layer, scaler = cast(nn.Linear, cast(nn.Sequential, model.network)[0]), model.input_scaler
    weight = scaler.forward @ layer.weight.detach().cpu().to(torch.float64).T
    shift = offset - scaler.offset
    return weight, layer.bias.detach().cpu().to(torch.float64) + shift @ weight


def _layers(model: SurrogateModel, begin: int, device: str) -> _Layers:
    network = cast(nn.Sequential, model.network).eval()
    linear = [cast(nn.Linear, layer) for layer in list(network)[::2]]
    last, scaler = linear[-1], model.output_scaler
    return _Layers(
        columns=slice(begin, begin + linear[0].out_features),
        hidden=[
            (layer.weight.detach().to(device).T, layer.bias.detach().to(device))
            for layer in linear[1:-1]
        ],
        activation=network[1],
        weight=(last.weight.detach().cpu().to(torch.float64).T @ scaler.backward).to(device),
        bias=(last.bias.detach().cpu().to(torch.float64) @ scaler.backward + scaler.offset).to(
            device
        ),
    )


def _check(models: Sequence[SurrogateModel], weights: Sequence[Tensor | None]) -> None:
    sizes = [(model.input_scaler.features, model.output_scaler.features) for model in models]
    if len(set(sizes)) != 1 or len({model.precision for model in models}) != 1:
        raise DataError(
            "Networks that do not belong together.",
            expected="the same descriptors, energies and precision in all",
            got=f"components and energies {sizes}",
        )
    energies = sizes[0][1]
    for number, part in enumerate(weights):
        if part is not None and (part.ndim != 2 or part.shape[1] != energies):
            raise DataError(
                "Weights that do not fit the energies of the LDOS.",
                where=f"network {number}",
                expected=f"shape [weights, {energies}]",
                got=f"shape {tuple(part.shape)}",
            )
