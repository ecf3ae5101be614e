"""The loss of a trained network on each validation snapshot, split into its two parts."""

import logging
from collections.abc import Iterator
from dataclasses import replace

import torch

from surrogate_hpo.data.stored_points import StoredPoints, open_points
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.networks.batches import Rows, row_pairs
from surrogate_hpo.networks.loss_split import LossSplit, loss_split, together
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.training.streaming import Stores

logger = logging.getLogger(__name__)
# Some 100 MiB at a few hundred numbers per point; whole planes of the grid are read.
POINTS_AT_A_TIME = 65536


def losses_by_snapshot(
    validation: Stores, model: SurrogateModel, weights: torch.Tensor | None
) -> list[dict[str, Cell]]:
    """Measure the loss of each validation snapshot, in units of the training's validation loss.

    Parameters
    ----------
    validation
        Descriptor and LDOS stores of the validation snapshots.
    model
        The trained network and its scalers.
    weights
        Shape (energies,): factors on the squared errors, as in the training's validation.

    Returns
    -------
    list of dict
        Per snapshot `snapshot`, `points`, `loss`, `common` and `rest`.
    """
    stored = open_points(*validation)
    names = [path.name.removesuffix(".zarr.zip") for path in validation[1]]
    splits = [
        loss_split(model.network, _rows(replace(stored, stores=(one,)), model), weights)
        for one in stored.stores
    ]
    whole = together(splits)
    logger.info(
        "validation loss %.4e, of which %.1f %% are common to all points of a snapshot",
        whole.loss,
        100 * whole.common_share,
    )
    return [_row(name, split) for name, split in zip(names, splits, strict=True)]


def _row(name: str, split: LossSplit) -> dict[str, Cell]:
    return {
        "snapshot": name,
        "points": split.points,
        "loss": split.loss,
        "common": split.common,
        "rest": split.rest,
    }


def _rows(stored: StoredPoints, model: SurrogateModel) -> Iterator[Rows]:
    """Scaled points of the stores, on the network's device."""
    device = next(model.network.parameters()).device
    plane = max(grid[1] * grid[2] for *_, grid in stored.stores)
    for slab in stored.slabs(max(plane, POINTS_AT_A_TIME)):
        descriptors, ldos = map(torch.from_numpy, slab.read())
        inputs = model.input_scaler.transform(descriptors).to(device)
        targets = model.output_scaler.transform(ldos).to(device)
        yield from row_pairs(inputs, targets)
