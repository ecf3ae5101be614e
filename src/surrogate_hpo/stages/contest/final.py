"""The final trainings of a recommended network, and its errors on held-out snapshots."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.contest.methods.interface import Hyperparameters
from surrogate_hpo.data.datasets import PointData, flat
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.formats.upf.reader import Pseudopotential
from surrogate_hpo.networks.history import DivergenceError, HistoryRow
from surrogate_hpo.predict.accuracies import accuracies
from surrogate_hpo.predict.energies import SnapshotEnergies, reference_energies
from surrogate_hpo.predict.held_out import (
    BLOCK_POINTS,
    energies_by_source,
    inference_microseconds,
    read_held_out,
)
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.contest.objective import (
    architecture_of,
    recipe_of,
)
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.training.fitting import Training, new_training, scale, scalings_of
from surrogate_hpo.training.resumable import run_resumable
from surrogate_hpo.training.short_trainings import compute_seconds

logger = logging.getLogger(__name__)
QUANTITIES = ("total_free_energy", "band_energy")
HeldOutFiles = tuple[Sequence[Path], Sequence[Path], Sequence[Path], Sequence[Path]]


@dataclass(frozen=True)
class FinalNetwork:
    """One initialisation of the final training.

    Attributes
    ----------
    model
        The trained model.
    history
        All epochs.
    used
        The epoch whose weights the model has; `None` if the training diverged.
    seconds
        Compute of the training; of one that diverged, since it was last resumed.
    failure
        Why the network is of no use, else empty.
    """

    model: TrainedModel
    history: tuple[HistoryRow, ...]
    used: HistoryRow | None
    seconds: float
    failure: str = ""

    @property
    def validation_loss(self) -> float:
        """Loss of the weights that the model has; NaN if the training diverged."""
        return math.nan if self.used is None else self.used.validation_loss


def train_finally(
    hyperparameters: Hyperparameters,
    training: PointData,
    validation: PointData,
    settings: ContestSettings,
    *,
    seed: int,
    state: Path,
) -> list[FinalNetwork]:
    """Train on all points, with a checkpoint per epoch and initialisation.

    Parameters
    ----------
    hyperparameters
        What the search recommends.
    training
        Points of all training snapshots.
    validation
        Points of all validation snapshots.
    settings
        Epochs and initialisations.
    seed
        Root seed; all methods have the same initialisations.
    state
        Folder of the checkpoints.

    Returns
    -------
    list of FinalNetwork
        One per initialisation.
    """
    scaled = scale(training, validation, *scalings_of(hyperparameters))
    networks = []
    for number in range(settings.final_initialisations):
        fit = new_training(
            scaled,
            architecture_of(hyperparameters),
            recipe_of(hyperparameters),
            maximum_epochs=settings.final_epochs,
            seed=derive_seed(seed, "contest", "final", number),
            use_gpu=settings.use_gpu,
            mixed_precision=settings.mixed_precision,
        )
        model = TrainedModel(
            surrogate=fit.model,
            axis=training.axis,
            definition=training.definition,
        )
        network = _train(fit, model, state / f"final-{number}.pt", use_gpu=settings.use_gpu)
        logger.info(
            "final training %d: loss %.4e, %.1f s",
            number,
            network.validation_loss,
            network.seconds,
        )
        networks.append(network)
    return networks


def _train(fit: Training, model: TrainedModel, checkpoint: Path, *, use_gpu: bool) -> FinalNetwork:
    start = compute_seconds(use_gpu=use_gpu)
    used, failure = None, ""
    try:
        used, seconds = run_resumable(
            fit, checkpoint, clock=lambda: compute_seconds(use_gpu=use_gpu), on_epoch=_log
        )
    except DivergenceError as error:
        seconds, failure = compute_seconds(use_gpu=use_gpu) - start, str(error)
    return FinalNetwork(model, tuple(fit.trainer.history), used, seconds, failure)


def _log(row: HistoryRow) -> None:
    logger.info("epoch %d validation loss %.4e", row.epoch, row.validation_loss)


def judge(
    networks: Sequence[FinalNetwork],
    *,
    training_dft: Sequence[Path],
    held_out: HeldOutFiles,
    potentials: Mapping[str, Pseudopotential],
    use_gpu: bool,
) -> dict[str, Any]:
    """Predict the held-out snapshots with every network.

    Parameters
    ----------
    networks
        The initialisations.
    training_dft
        DFT runs of the training snapshots: the baseline.
    held_out
        Structures, DFT runs, descriptors and LDOS of the held-out snapshots.
    potentials
        Pseudopotential per element.
    use_gpu
        Predict on CUDA.

    Returns
    -------
    dict
        Errors in meV/atom per quantity, and the time of a prediction in µs per grid point. If
        a network is of no use - its training diverged, or its LDOS does not even hold the
        electrons - there are no errors, and `failure` says why: a mean over the others would
        flatter the method.
    """
    failure = next((network.failure for network in networks if network.failure), "")
    found: dict[str, Any] = {}
    if not failure:
        try:
            found = _errors(networks, training_dft, held_out, potentials, use_gpu=use_gpu)
        except PhysicsError as error:
            failure = str(error)
    return {"failure": failure, "held_out_snapshots": len(held_out[0]), **found}


def _errors(
    networks: Sequence[FinalNetwork],
    training_dft: Sequence[Path],
    held_out: HeldOutFiles,
    potentials: Mapping[str, Pseudopotential],
    *,
    use_gpu: bool,
) -> dict[str, Any]:
    models = {f"seed-{number}": network.model for number, network in enumerate(networks)}
    rows: list[SnapshotEnergies] = []
    microseconds = None
    for snapshot in read_held_out(*held_out):
        if microseconds is None:
            microseconds = inference_microseconds(
                networks[0].model, flat(snapshot.descriptors.values), use_gpu=use_gpu
            )
        rows.append(reference_energies(snapshot.name, snapshot.result))
        found = energies_by_source(
            snapshot, models, potentials, block_points=BLOCK_POINTS, use_gpu=use_gpu
        )
        rows += [energies for energies, _ in found]
    training = [reference_energies(p.stem, read_dft_result(p)) for p in training_dft]
    together = accuracies(rows, training, list(models))
    alone = [accuracies(rows, training, [source]) for source in models]
    errors = {
        name: together[name]
        | {"mae_per_initialisation_mev_per_atom": [a[name]["mae_mev_per_atom"] for a in alone]}
        for name in QUANTITIES
    }
    return {**errors, "inference_microseconds_per_point": microseconds}
