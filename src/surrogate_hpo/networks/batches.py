"""Training data as tensors, and their order: a batch is an index, no per-item loader."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.errors import DataError


@dataclass(frozen=True)
class TrainingData:
    """Scaled training and validation data, as `AffineScaler.transform` returns them.

    Attributes
    ----------
    training_inputs
        Shape (points, components), float32.
    training_targets
        Shape (points, energies), float32.
    validation_inputs
        Shape (validation points, components), float32.
    validation_targets
        Shape (validation points, energies), float32.

    Raises
    ------
    DataError
        The shapes do not fit each other, or a set is empty.
    """

    training_inputs: Tensor
    training_targets: Tensor
    validation_inputs: Tensor
    validation_targets: Tensor

    def __post_init__(self) -> None:
        shapes = {name: tuple(getattr(self, name).shape) for name in self.__dataclass_fields__}
        if (
            any(len(shape) != 2 or 0 in shape for shape in shapes.values())
            or len(self.training_inputs) != len(self.training_targets)
            or len(self.validation_inputs) != len(self.validation_targets)
            or self.training_inputs.shape[1] != self.validation_inputs.shape[1]
            or self.training_targets.shape[1] != self.validation_targets.shape[1]
        ):
            raise DataError(
                "Descriptors and LDOS for the training do not fit each other.",
                expected="(points, components) and (points, energies), the same in both sets",
                got=", ".join(f"{name} {shape}" for name, shape in shapes.items()),
            )

    def to(self, device: str | torch.device) -> "TrainingData":
        """Return the same data on another device."""
        return TrainingData(
            self.training_inputs.to(device),
            self.training_targets.to(device),
            self.validation_inputs.to(device),
            self.validation_targets.to(device),
        )


def row_chunks(values: Tensor, rows: int) -> list[Tensor]:
    """Return views of at most this many rows each, in order."""
    return [values[start : start + rows] for start in range(0, len(values), rows)]


def shuffled_batches(
    points: int, batch_size: int, *, seed: int, epoch: int, device: str | torch.device = "cpu"
) -> tuple[Tensor, ...]:
    """Cut a random order of all points into near-equal batches.

    Parameters
    ----------
    points
        Number of training points.
    batch_size
        Wanted number of points per batch; all points form one batch if they are fewer.
    seed
        Seed of the training.
    epoch
        Number of the epoch; each has an order of its own.
    device
        Where the data are.

    Returns
    -------
    tuple[torch.Tensor, ...]
        Indices on the device, drawn on the CPU, so that the order is the same on all
        devices. Each point occurs once.
    """
    words = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(words[0]) >> 1)  # torch takes 63 bits
    order = torch.randperm(points, generator=generator).to(device)
    return order.tensor_split(max(1, round(points / batch_size)))
