"""The surrogate model: a network with the scalings it was trained with."""

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import row_chunks
from surrogate_hpo.networks.scaling import AffineScaler


@dataclass(frozen=True)
class SurrogateModel:
    """Maps the descriptors of grid points to their LDOS.

    Attributes
    ----------
    architecture
        Architecture of the network.
    network
        The network, from scaled descriptors to scaled LDOS.
    input_scaler
        Scaling of the descriptors.
    output_scaler
        Scaling of the LDOS.
    """

    architecture: Architecture
    network: nn.Module
    input_scaler: AffineScaler
    output_scaler: AffineScaler

    @property
    def precision(self) -> torch.dtype:
        """Floating-point type of the weights: float32, unless it is a copy in double precision."""
        return next(self.network.parameters()).dtype

    def in_double_precision(self) -> "SurrogateModel":
        """Return a copy that computes in float64, for derivatives by finite differences."""
        return replace(self, network=copy.deepcopy(self.network).to(torch.float64))

    def state_dict(self) -> dict[str, Any]:
        """Return tensors, numbers and strings only, on the CPU.

        A file of them loads with ``torch.load(..., weights_only=True)``.
        """
        return {
            "architecture": self.architecture.to_dict(),
            "network": {name: value.cpu() for name, value in self.network.state_dict().items()},
            "input_scaler": self.input_scaler.state_dict(),
            "output_scaler": self.output_scaler.state_dict(),
        }

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> "SurrogateModel":
        """Restore a model from what `state_dict` returned.

        Parameters
        ----------
        state
            The mapping, as loaded from a file.

        Returns
        -------
        SurrogateModel
            The model, on the CPU.

        Raises
        ------
        DataError
            Entries are missing, or the weights do not fit the architecture.
        """
        try:
            architecture = Architecture.from_dict(state["architecture"])
            input_scaler = AffineScaler.from_state_dict(state["input_scaler"])
            output_scaler = AffineScaler.from_state_dict(state["output_scaler"])
            _check_size(architecture, input_scaler, output_scaler, state["network"])
            network = build_network(
                architecture, inputs=input_scaler.features, outputs=output_scaler.features, seed=0
            )
            network.load_state_dict(state["network"])
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise DataError(
                "Not a surrogate model, or a damaged one.",
                expected="architecture, network, input_scaler and output_scaler that fit together",
                got=f"{type(error).__name__}: {error}",
                remedy="Train the model again.",
            ) from error
        return cls(architecture, network, input_scaler, output_scaler)

    @torch.no_grad()
    def predict(
        self, descriptors: Tensor, *, points_per_chunk: int = 16384, device: str = "cpu"
    ) -> Tensor:
        """Predict the LDOS.

        Parameters
        ----------
        descriptors
            Shape (points, components), unscaled, in the precision of the weights.
        points_per_chunk
            Points held at a time, which bounds the memory.
        device
            Device to compute on.

        Returns
        -------
        torch.Tensor
            Shape (points, energies), of the same precision on the CPU, in 1/(eV Å³). Small
            negative values are left as they are: cutting them off would bias every integral.

        Raises
        ------
        DataError
            The number of components is not the one the model was trained on.
        """
        network = self.network.to(device).eval()
        chunks = [
            self.output_scaler.inverse(network(self.input_scaler.transform(chunk.to(device)))).cpu()
            for chunk in row_chunks(descriptors, points_per_chunk)
        ]
        return torch.cat(chunks)


def _check_size(
    architecture: Architecture,
    input_scaler: AffineScaler,
    output_scaler: AffineScaler,
    weights: Mapping[str, Tensor],
) -> None:
    """Before a network of this size is made: there must be as many weights."""
    widths = [input_scaler.features, *architecture.hidden_widths, output_scaler.features]
    needed = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    held = sum(weight.numel() for weight in weights.values())
    if needed != held:
        raise ValueError(f"{held} weights for a network of {needed}")
