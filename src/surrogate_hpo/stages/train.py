"""Final training of the chosen network on the chosen descriptors."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.train import TrainSettings
from surrogate_hpo.io.datasets import read_points
from surrogate_hpo.io.documents import read_document
from surrogate_hpo.io.models import TrainedModel, write_model
from surrogate_hpo.io.provenance import fingerprint, provenance
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.training import HistoryRow
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.fitting import OUTPUT_SCALING_KEY, SCALING_KEY, new_training, scale
from surrogate_hpo.stages.interface import (
    Argument,
    DescriptorStores,
    Input,
    LdosStores,
    NaswotChoice,
    Output,
    State,
)
from surrogate_hpo.stages.resumable import run_resumable

logger = logging.getLogger(__name__)


def train(
    *,
    settings: TrainSettings,
    seed: int,
    initialisation: Annotated[int, Argument("number of the initialisation, from 0")],
    naswot: NaswotChoice,
    search: Annotated[Path, Input("JSON: the choice of the search stage")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    model: Annotated[Path, Output("torch file: weights, scalers, energy axis; weights_only")],
    history: Annotated[Path, Output("CSV: losses per epoch, in units of the scaled LDOS")],
    state: Annotated[Path, State("folder of the checkpoints")],
) -> None:
    """Train one initialisation with a checkpoint after every epoch and every five minutes.

    With the `cosine` schedule the learning rate falls to zero and the last weights are taken;
    with `constant` the training stops early and the weights of the best epoch are taken; with
    `plateau` it goes on at a lower learning rate, and the weights of the best epoch are taken.

    On SIGTERM, SIGUSR1 or shortly before the allocation ends it saves after the next batch. Run
    again, it goes on from there and ends with the same weights, to the last bit, as an
    undisturbed one.
    """
    inputs = [naswot, search, *descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("train", settings, seed, inputs)
    architecture = read_document(naswot, keys=("architecture",))["architecture"]
    hyperparameters = read_document(search, keys=("hyperparameters",))["hyperparameters"]
    points = read_points(descriptors, ldos)
    validation = read_points(validation_descriptors, validation_ldos)
    fit = new_training(
        scale(
            points,
            validation,
            hyperparameters[SCALING_KEY],
            hyperparameters.get(OUTPUT_SCALING_KEY, "maximum"),
        ),
        Architecture.from_dict(architecture),
        hyperparameters,
        maximum_epochs=settings.maximum_epochs,
        seed=derive_seed(seed, "train", initialisation),
        use_gpu=settings.use_gpu,
        mixed_precision=settings.mixed_precision,
    )
    checkpoint = state / f"{fingerprint(record)}-{initialisation}.pt"

    def on_epoch(row: HistoryRow) -> None:
        logger.info(
            "epoch %d/%d training loss %.4e validation loss %.4e",
            row.epoch,
            settings.maximum_epochs,
            row.training_loss,
            row.validation_loss,
        )

    used, _ = run_resumable(fit, checkpoint, clock=time.process_time, on_epoch=on_epoch)
    logger.info("weights of epoch %d, validation loss %.4e", used.epoch, used.validation_loss)
    rows = [asdict(row) | {"used": row.epoch == used.epoch} for row in fit.trainer.history]
    write_table(history, rows)
    trained = TrainedModel(
        surrogate=fit.model,
        energy=points.energy,
        kernel=points.kernel,
        width=points.width,
        definition=points.definition,
    )
    write_model(model, trained, record)
    checkpoint.unlink(missing_ok=True)
