"""Training data as tensors, and their order: a batch is an index, no per-item loader."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.group import ALONE, Group

_VALIDATION_ROWS = 16384
Rows = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Batch:
    """What one step of the optimiser sees.

    Attributes
    ----------
    inputs
        Shape (rows, components): this process' piece of the batch.
    targets
        Shape (rows, energies).
    points
        Points of the whole batch, the pieces of all processes.
    """

    inputs: Tensor
    targets: Tensor
    points: int


class TrainingSource(Protocol):
    """Scaled data in the order in which a training sees them, wherever they are kept."""

    @property
    def components(self) -> int:
        """Number of descriptor components."""

    @property
    def targets_like(self) -> Tensor:
        """No rows: tells the number of energies, the type and the device of the targets."""

    @property
    def training_points(self) -> int:
        """Number of training points."""

    @property
    def validation_points(self) -> int:
        """Number of validation points."""

    def to(self, device: str | torch.device) -> "TrainingSource":
        """Return the same data on another device."""

    def batch_count(self, batch_size: int, *, seed: int, epoch: int) -> int:
        """Return the number of batches of an epoch."""

    def training_batches(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0, group: Group = ALONE
    ) -> Iterator[Batch]:
        """Yield an epoch's batches from number `start` on, each point in one of them."""

    def validation_rounds(self, group: Group = ALONE) -> Iterator[list[Rows]]:
        """Yield this process' share of the validation data; as many rounds in all processes."""


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

    @property
    def components(self) -> int:
        """Number of descriptor components."""
        return self.training_inputs.shape[1]

    @property
    def targets_like(self) -> Tensor:
        """No rows: tells the number of energies, the type and the device of the targets."""
        return self.training_targets[:0]

    @property
    def training_points(self) -> int:
        """Number of training points."""
        return len(self.training_inputs)

    @property
    def validation_points(self) -> int:
        """Number of validation points."""
        return len(self.validation_inputs)

    def batch_count(self, batch_size: int, *, seed: int, epoch: int) -> int:  # noqa: ARG002
        """Return the number of batches of an epoch, the same for all."""
        return batch_count(self.training_points, batch_size)

    def training_batches(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0, group: Group = ALONE
    ) -> Iterator[Batch]:
        """Yield an epoch's batches from number `start` on, each point in one of them."""
        inputs, targets = self.training_inputs, self.training_targets
        order = random_order(len(inputs), seed, epoch).to(inputs.device)
        return cut(inputs, targets, order, batch_size, start=start, group=group)

    def validation_rounds(self, group: Group = ALONE) -> Iterator[list[Rows]]:
        """Yield this process' share of the validation data; as many rounds in all processes."""
        chunks = row_pairs(self.validation_inputs, self.validation_targets)
        for first in range(0, len(chunks), group.size):
            mine = first + group.rank
            yield chunks[mine : mine + 1]

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


def row_pairs(inputs: Tensor, targets: Tensor) -> list[Rows]:
    """Return views of inputs and targets, few enough rows each to run a network on."""
    chunks = (row_chunks(values, _VALIDATION_ROWS) for values in (inputs, targets))
    return list(zip(*chunks, strict=True))


def batch_count(points: int, batch_size: int) -> int:
    """Return how many near-equal batches points are cut into; one if they are few."""
    return max(1, round(points / batch_size))


def random_order(count: int, *key: int) -> Tensor:
    """Draw an order of some items.

    Parameters
    ----------
    count
        Number of items.
    *key
        Seed of the training, number of the epoch and so on; each key has an order of its own.

    Returns
    -------
    torch.Tensor
        All indices, on the CPU, so that the order is the same whatever the device.
    """
    words = np.random.SeedSequence(key).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(words[0]) >> 1)  # torch takes 63 bits
    return torch.randperm(count, generator=generator)


def cut(
    inputs: Tensor, targets: Tensor, order: Tensor, batch_size: int, *, start: int, group: Group
) -> Iterator[Batch]:
    """Cut points in an order into near-equal batches.

    Parameters
    ----------
    inputs
        Shape (points, components).
    targets
        Shape (points, energies).
    order
        Shape (points,): the order, on the same device.
    batch_size
        Wanted number of points per batch.
    start
        Number of the first batch to yield.
    group
        Whose pieces to yield.

    Yields
    ------
    Batch
        One after the other.
    """
    for batch in order.tensor_split(batch_count(len(order), batch_size))[start:]:
        rows = group.piece(batch)
        # The same values as `inputs[rows]`, which is three times as slow.
        yield Batch(inputs.index_select(0, rows), targets.index_select(0, rows), len(batch))
