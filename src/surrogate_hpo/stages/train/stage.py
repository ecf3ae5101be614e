"""Final training of the chosen network on the chosen descriptors."""

import logging
import math
import time
from dataclasses import asdict, dataclass, replace
from typing import Annotated, cast

from torch import nn

from surrogate_hpo.data.models import LeftOut, TrainedModel, write_model
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms
from surrogate_hpo.networks.energies.readout import fit_readout
from surrogate_hpo.networks.group import ALONE, Group
from surrogate_hpo.networks.history import HistoryRow
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.run.interface import Argument
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.train.arguments import NetworkFiles, TrainingFiles
from surrogate_hpo.stages.train.predicted_terms import predicted_terms
from surrogate_hpo.stages.train.settings import TrainSettings
from surrogate_hpo.stages.train.validation_losses import losses_by_snapshot
from surrogate_hpo.training.energy_terms import (
    Scalers,
    SnapshotFiles,
    TrainingSnapshots,
    read_energy_terms,
)
from surrogate_hpo.training.fitting import ScaledData, new_training, scalings_of
from surrogate_hpo.training.processes import run_processes
from surrogate_hpo.training.resumable import run_resumable
from surrogate_hpo.training.streaming import read_scaled

logger = logging.getLogger(__name__)

# eV/atom. What the kernel and the window leave is far below; another zero, axis or convention of
# the energies is above.
_LARGEST_FLOOR = 0.01


def train(
    *,
    settings: TrainSettings,
    seed: int,
    initialisation: Annotated[int, Argument("number of the initialisation, from 0")],
    files: TrainingFiles,
    made: NetworkFiles,
    threads: int = 1,
) -> None:
    """Train one initialisation with a checkpoint after every epoch and every five minutes.

    With the `cosine` schedule the learning rate falls to zero and the last weights are taken;
    with `constant` the training stops early and the weights of the best epoch are taken; with
    `plateau` it goes on at a lower learning rate, and the weights of the best epoch are taken.

    With `energy_weight`, `force_weight` or `density_weight` each step also sees the total free
    energy of training snapshots, a force along a random displacement, and how the error of the
    density repels itself: `networks.energies.energy_terms`.
    With `readout` the last layer is in the end fitted to the energies and forces of all of them in
    closed form: `networks.energies.readout`.

    On SIGTERM, SIGUSR1 or shortly before the allocation ends it saves after the next batch. Run
    again, it goes on from there and ends with the same weights, to the last bit, as an
    undisturbed one. With several `processes` each takes its piece of every batch.
    """
    job = _Job(settings, seed, initialisation, files, made, threads)
    if settings.processes == 1:
        _train(job)
    else:
        run_processes(settings.processes, _train, {"job": job}, use_gpu=settings.use_gpu)


@dataclass(frozen=True)
class _Job:
    """The arguments of the stage."""

    settings: TrainSettings
    seed: int
    initialisation: int
    files: TrainingFiles
    made: NetworkFiles
    threads: int


def _train(job: _Job, group: Group = ALONE) -> None:
    settings, files, made = job.settings, job.files, job.made
    behind = files.behind(energies=settings.uses_energies)
    record = provenance("train", settings, job.seed, behind)
    architecture = read_document(files.naswot, keys=("architecture",))["architecture"]
    hyperparameters = read_document(files.search, keys=("hyperparameters",))["hyperparameters"]
    scaled, points = read_scaled(
        files.training,
        files.validation,
        *scalings_of(hyperparameters),
        memory_mebibytes=settings.data_memory_mebibytes,
    )
    snapshots = _snapshots(job, scaled, points.definition)
    learnt = None
    if snapshots is not None and settings.learns_energies:
        learnt = read_energy_terms(snapshots, settings)
    fit = new_training(
        scaled,
        Architecture.from_dict(architecture),
        hyperparameters,
        maximum_epochs=settings.maximum_epochs,
        seed=derive_seed(job.seed, "train", job.initialisation),
        use_gpu=settings.use_gpu,
        mixed_precision=settings.mixed_precision,
        group=group,
        energy_terms=learnt,
    )
    checkpoint = made.state / f"{fingerprint(record)}-{job.initialisation}.pt"

    def on_epoch(row: HistoryRow) -> None:
        logger.info(
            "epoch %d/%d training loss %.4e validation loss %.4e",
            row.epoch,
            settings.maximum_epochs,
            row.training_loss,
            row.validation_loss,
        )

    used, _ = run_resumable(fit, checkpoint, clock=time.process_time, on_epoch=on_epoch)
    if not group.leads:
        return
    logger.info("weights of epoch %d, validation loss %.4e", used.epoch, used.validation_loss)
    rows = [asdict(row) | {"used": row.epoch == used.epoch} for row in fit.trainer.history]
    write_table(made.history, rows)
    surrogate, left_out = fit.model, None
    if settings.readout and snapshots is not None:
        surrogate, left_out = with_readout(surrogate, snapshots, learnt)
    split = losses_by_snapshot(files.validation, surrogate, scaled.error_weights)
    write_table(made.validation_losses, split)
    trained = TrainedModel(
        surrogate=surrogate,
        axis=points.axis,
        definition=points.definition,
        left_out=left_out,
    )
    write_model(made.model, trained, record)
    checkpoint.unlink(missing_ok=True)


def with_readout(
    model: SurrogateModel, snapshots: TrainingSnapshots, learnt: EnergyTerms | None = None
) -> tuple[SurrogateModel, LeftOut | None]:
    """Fit the last layer to energies and forces, where the training snapshots have them.

    Parameters
    ----------
    model
        Trained; its network is moved to the CPU.
    snapshots
        The training snapshots.
    learnt
        What the training has learnt of them, on the CPU: with forces, nothing is computed again.

    Returns
    -------
    SurrogateModel
        With the fitted layer, or as it was.
    LeftOut or None
        Errors of left-out snapshots; None if nothing was fitted, and then a warning says why.

    Raises
    ------
    DataError
        If a cell's LDOS makes no sense.
    """
    if unknown := snapshots.without_energy():
        logger.warning(
            "the last layer is not fitted to energies and forces: %d training snapshots have no "
            "total free energy: %s",
            len(unknown),
            ", ".join(path.stem for path in unknown[:5]),
        )
        return model, None
    kept = learnt if learnt is not None and learnt.force_weight > 0 else None
    terms = snapshots.terms(with_forces=True) if kept is None else kept.streamed()
    known = () if kept is None else kept.terms
    network = cast(nn.Sequential, model.network).cpu()
    found = fit_readout(
        network,
        terms,
        len(snapshots.files),
        density_weight=0.0 if learnt is None else learnt.density_weight,
        predicted=lambda one: predicted_terms(snapshots, replace(model, network=one), known),
    )
    if found.floor > _LARGEST_FLOOR:
        logger.warning(
            "the last layer is not fitted to energies and forces: those of the training snapshots "
            "are not those of their LDOS (floor %.1f meV/atom), which would be bent to hide it",
            1000 * found.floor,
        )
        return model, None
    forces = found.left_out_forces
    left_out = LeftOut(
        energies=found.left_out_energies.numpy(),
        force_rmse=float(forces.square().mean().sqrt()) if len(forces) else math.nan,
        strength=found.strength,
        ridge=found.ridge,
    )
    logger.info(
        "last layer %s: of snapshots that are left out of its fit the errors are %.2f meV/atom "
        "and %.0f meV/Å",
        f"fitted to energies and forces (strength {found.strength:g})"
        if found.strength
        else "as it was trained, which is better than fitted to energies and forces",
        1000 * found.energy_rmse,
        1000 * left_out.force_rmse,
    )
    if found.strength:
        logger.info(
            "of the snapshots of the fit the free energies are off by %.2f meV/atom",
            1000 * found.integrated,
        )
    return replace(model, network=found.network), left_out


def _snapshots(
    job: _Job, scaled: ScaledData, definition: DescriptorDefinition
) -> TrainingSnapshots | None:
    """Energies and forces of the training snapshots, where they are to be learnt."""
    if not job.settings.uses_energies:
        return None
    files = job.files
    structures, dft = files.structures, files.dft
    if not (structures or dft or job.settings.learns_energies):
        logger.warning("the last layer is not fitted to energies and forces: no files are given")
        return None
    if not len(structures) == len(dft) == len(files.ldos):
        raise ConfigError(
            "energies and forces are to be learnt from files that are not given",
            where="--structures, --dft",
            expected=f"one of each for {len(files.ldos)} training snapshots",
            got=f"{len(structures)} and {len(dft)}",
            remedy="name them, or set the weights of train to 0 and train.readout to false",
        )
    return TrainingSnapshots(
        list(map(SnapshotFiles, structures, dft, files.ldos, files.descriptors)),
        files.pseudopotentials,
        definition,
        Scalers(scaled.input_scaler, scaled.output_scaler),
        seed=derive_seed(job.seed, "directions"),
        threads=job.threads,
        strains=job.settings.strains,
    )
