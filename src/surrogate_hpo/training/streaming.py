"""Scaled data for a training within a bound on memory."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.data.stored_points import Slab, StoredPoints, open_points
from surrogate_hpo.networks.batches import Rows
from surrogate_hpo.networks.options import OutputScaling
from surrogate_hpo.networks.point_parts import PointParts
from surrogate_hpo.networks.scaling import error_weights, fit_input_scaler, fit_output_scaler
from surrogate_hpo.networks.shards import Shard, ShardedData
from surrogate_hpo.networks.summary import summarise
from surrogate_hpo.training.fitting import ScaledData, scale

logger = logging.getLogger(__name__)
Stores = tuple[list[Path], list[Path]]
# Two groups, one in use and one being read, and a slab on its way into the second.
SLABS_PER_GROUP = 8
GROUPS_IN_MEMORY = 2 + 1 / SLABS_PER_GROUP
# As read and scaled.
COPIES_IN_MEMORY = 2


def read_scaled(
    training: Stores,
    validation: Stores,
    input_scaling: Any,  # noqa: ANN401
    output_scaling: OutputScaling,
    *,
    memory_mebibytes: int | None,
) -> tuple[ScaledData, StoredPoints]:
    """Fit the scalings to the training points, and keep in memory what fits.

    Parameters
    ----------
    training
        Descriptor and LDOS stores of the training snapshots.
    validation
        Those of the validation snapshots.
    input_scaling
        Name of the scaling of the descriptors.
    output_scaling
        Name of the scaling of the LDOS.
    memory_mebibytes
        What the data may take. If they need more, they are read anew in each epoch, in groups.
        All are kept in memory if it is none.

    Returns
    -------
    tuple
        Data and scalers, and what is common to the training stores.
    """
    stored, held_out = open_points(*training), open_points(*validation)
    needed = COPIES_IN_MEMORY * (stored.points + held_out.points) * stored.bytes_per_point
    if memory_mebibytes is None or needed <= memory_mebibytes * 2**20:
        points = read_points(*training), read_points(*validation)
        return scale(*points, input_scaling, output_scaling), stored
    room = int(memory_mebibytes * 2**20 / stored.bytes_per_point / GROUPS_IN_MEMORY)
    slabs = stored.slabs(room // SLABS_PER_GROUP)
    logger.info(
        "%d MiB of training points, read in %d slabs",
        stored.points * stored.bytes_per_point // 2**20,
        len(slabs),
    )
    input_scaler = fit_input_scaler(_parts(slabs, Slab.read_descriptors), input_scaling)
    summary = summarise(_parts(slabs, Slab.read_ldos), "LDOS")
    output_scaler = fit_output_scaler(summary, output_scaling)
    data = ShardedData(
        [_shard(slab) for slab in slabs],
        [_shard(slab) for slab in held_out.slabs(room // SLABS_PER_GROUP)],
        input_scaler,
        output_scaler,
        points_per_group=room,
    )
    weights = error_weights(output_scaler, summary)
    return ScaledData(data, input_scaler, output_scaler, weights), stored


def _parts(slabs: Sequence[Slab], read: Callable[[Slab], NDArray[np.float32]]) -> PointParts:
    return PointParts([slab.points for slab in slabs], lambda part: read(slabs[part]))


def _shard(slab: Slab) -> Shard:
    def read() -> Rows:
        descriptors, ldos = slab.read()
        return torch.from_numpy(descriptors), torch.from_numpy(ldos)

    return Shard(slab.points, read)
