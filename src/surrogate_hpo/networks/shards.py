"""Training data larger than the memory: read in groups of shards, shuffled within a group."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from surrogate_hpo.networks.batches import (
    Batch,
    Rows,
    batch_count,
    cut,
    random_order,
    row_pairs,
)
from surrogate_hpo.networks.group import ALONE, Group
from surrogate_hpo.networks.scaling import AffineScaler


@dataclass(frozen=True)
class Shard:
    """Points that are read together.

    Attributes
    ----------
    points
        Their number.
    read
        Returns descriptors (points, components) and LDOS (points, energies), unscaled.
    """

    points: int
    read: Callable[[], Rows]


@dataclass(frozen=True)
class ShardedData:
    """Data of which a part is in memory at a time; see `TrainingSource`.

    In each epoch the shards are dealt to groups in an order given by seed and epoch, and the
    points of a group are shuffled. While a group is trained on, the next one is read.

    Attributes
    ----------
    training
        Shards of the training points.
    validation
        Shards of the validation points.
    input_scaler
        Scaling of the descriptors.
    output_scaler
        Scaling of the LDOS.
    points_per_group
        Points of a group, at most; two groups and a shard are in memory at a time.
    device
        Where groups are put.
    """

    training: Sequence[Shard]
    validation: Sequence[Shard]
    input_scaler: AffineScaler
    output_scaler: AffineScaler
    points_per_group: int
    device: str | torch.device = "cpu"

    @property
    def components(self) -> int:
        """Number of descriptor components."""
        return self.input_scaler.features

    @property
    def targets_like(self) -> Tensor:
        """No rows: tells the number of energies, the type and the device of the targets."""
        return torch.empty(0, self.output_scaler.features, device=self.device)

    @property
    def training_points(self) -> int:
        """Number of training points."""
        return _points(self.training)

    @property
    def validation_points(self) -> int:
        """Number of validation points."""
        return _points(self.validation)

    def to(self, device: str | torch.device) -> "ShardedData":
        """Return the same data, to be put on another device."""
        return replace(self, device=device)

    def batch_count(self, batch_size: int, *, seed: int, epoch: int) -> int:
        """Return the number of batches of an epoch."""
        groups = self._groups(seed, epoch)
        return sum(batch_count(_points(shards), batch_size) for shards in groups)

    def training_batches(
        self, batch_size: int, *, seed: int, epoch: int, start: int = 0, group: Group = ALONE
    ) -> Iterator[Batch]:
        """Yield an epoch's batches from number `start` on, each point in one of them."""
        left: list[tuple[int, list[Shard], int]] = []
        for number, shards in enumerate(self._groups(seed, epoch)):
            count = batch_count(_points(shards), batch_size)
            if start < count:
                left.append((number, shards, start))
            start = max(0, start - count)
        loads = (partial(self._load, shards) for _, shards, _ in left)
        for (number, shards, skip), rows in zip(left, _prefetched(loads), strict=True):
            order = random_order(_points(shards), seed, epoch, number).to(self.device)
            yield from cut(*rows, order, batch_size, start=skip, group=group)

    def validation_rounds(self, group: Group = ALONE) -> Iterator[list[Rows]]:
        """Yield this process' share of the validation data; as many rounds in all processes."""
        mine = self.validation[group.rank :: group.size]
        for rows in _prefetched(partial(self._load, [shard]) for shard in mine):
            yield row_pairs(*rows)
        if len(mine) < -(-len(self.validation) // group.size):
            yield []

    def _groups(self, seed: int, epoch: int) -> list[list[Shard]]:
        """Deal the shards to groups of about equal size."""
        largest = max(shard.points for shard in self.training)
        room = max(1, self.points_per_group - largest)
        count = -(-self.training_points // room)
        groups: list[list[Shard]] = [[] for _ in range(count)]
        dealt = 0
        for index in random_order(len(self.training), seed, epoch).tolist():
            shard = self.training[index]
            groups[dealt * count // self.training_points].append(shard)
            dealt += shard.points
        return [shards for shards in groups if shards]

    def _load(self, shards: Sequence[Shard]) -> Rows:
        points = _points(shards)
        inputs = torch.empty(points, self.input_scaler.features)
        targets = torch.empty(points, self.output_scaler.features)
        begin = 0
        for shard in shards:
            end = begin + shard.points
            descriptors, ldos = shard.read()
            inputs[begin:end] = self.input_scaler.transform(descriptors)
            targets[begin:end] = self.output_scaler.transform(ldos)
            begin = end
        return inputs.to(self.device), targets.to(self.device)


def _points(shards: Iterable[Shard]) -> int:
    return sum(shard.points for shard in shards)


def _prefetched(loads: Iterable[Callable[[], Rows]]) -> Iterator[Rows]:
    """Yield what functions return; a thread calls the next one meanwhile."""
    pool = ThreadPoolExecutor(1)
    waiting: Future[Rows] | None = None
    try:
        for load in loads:
            coming = pool.submit(load)
            if waiting is not None:
                yield waiting.result()
            waiting = coming
        if waiting is not None:
            yield waiting.result()
    finally:
        pool.shutdown(cancel_futures=True)
