"""One of the jobs of the ados stage: a network that corrects the linear map of atoms."""

import logging
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.data.models import TrainedModel, write_model
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.linear_readout import LinearReadout, fit_linear_readout
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.options import OutputScaling
from surrogate_hpo.networks.scaling import AffineScaler
from surrogate_hpo.run.interface import Argument, Input, Output, State
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.ados.atom_data import AtomData, read_atom_data
from surrogate_hpo.stages.ados.settings import AdosSettings
from surrogate_hpo.training.fitting import ScaledData, Training, new_training, scale
from surrogate_hpo.training.resumable import run_resumable

logger = logging.getLogger(__name__)
# A scaling must have an inverse.
_LEAST_FACTOR = 1e-6
# The errors of energies are sums over the axis: no energy weighs more than another.
OUTPUT_SCALING: OutputScaling = "standardised"


def ados_network(
    *,
    settings: AdosSettings,
    seed: int,
    initialisation: Annotated[int, Argument("number of the initialisation, from 0")],
    atoms: Annotated[Path, Input("torch file of `ados_atoms`")],
    model: Annotated[Path, Output("torch file: weights, scalers, energy axis; weights_only")],
    history: Annotated[Path, Output("CSV: losses per epoch, relative; CPU seconds so far")],
    state: Annotated[Path, State("folder of the checkpoints")],
) -> None:
    """Train one initialisation, with checkpoints as `train` has them.

    It learns what a linear map of the same vectors leaves of the atoms' densities of states: from
    few atoms a network alone learns the linear part worse than its closed form. What it adds is
    multiplied by a factor of at most 1, which fits the densities of states of the validation
    snapshots best.
    """
    record = provenance("ados", settings, seed, [atoms])
    data = read_atom_data(atoms)
    scaled = scaled_atoms(settings, data, where=str(atoms))
    fit = new_fit(settings, scaled, derive_seed(seed, "ados", initialisation))
    checkpoint = state / f"{fingerprint(record)}-{initialisation}.pt"
    used, total = run_resumable(fit, checkpoint, clock=time.process_time, on_epoch=lambda _: None)
    logger.info(
        "%d epochs of %d atoms in %.1f s of CPU time, validation loss %.4e",
        len(fit.trainer.history),
        scaled.data.training_points,
        total,
        used.validation_loss,
    )
    rows: list[dict[str, Any]] = [
        asdict(row) | {"used": row.epoch == used.epoch} for row in fit.trainer.history
    ]
    rows[-1]["training_cpu_seconds"] = total
    write_table(history, rows, columns=[*asdict(used), "used", "training_cpu_seconds"])
    trained = borne_out(fit.model, data)
    write_model(model, TrainedModel(trained, data.axis, data.definition), record)
    checkpoint.unlink(missing_ok=True)


def borne_out(model: SurrogateModel, data: AtomData) -> SurrogateModel:
    """Shrink what a network adds to the linear map to what the validation snapshots bear out.

    Parameters
    ----------
    model
        The network; it is moved to the CPU.
    data
        The atoms of all snapshots.

    Returns
    -------
    SurrogateModel
        With another scaling of its output.
    """
    linear, known = linear_map(data), data.named("validation").values()
    rest = [(one.dos - linear.predict(one.vectors)).mean(axis=0) for one in known]
    added = [
        model.predict(torch.from_numpy(one.vectors.astype(np.float32))).numpy().mean(axis=0)
        for one in known
    ]
    overlap, size = float(np.vdot(added, rest)), float(np.vdot(added, added))
    factor = min(1.0, max(overlap / size if size > 0 else 0.0, _LEAST_FACTOR))
    logger.info("the validation snapshots bear out %.3f of what the network adds", factor)
    scaler = model.output_scaler
    shrunk = AffineScaler(factor * scaler.offset, scaler.forward / factor, factor * scaler.backward)
    return replace(model, output_scaler=shrunk)


def linear_map(data: AtomData) -> LinearReadout:
    """The linear map of the training atoms; its penalty is chosen by left-out snapshots."""
    found, first = [], 0
    known = list(data.named("training").values())
    for one in known:
        found.append(slice(first, first + len(one.vectors)))
        first += len(one.vectors)
    return fit_linear_readout(
        np.concatenate([one.vectors for one in known]),
        np.concatenate([one.dos for one in known]),
        found,
    )


def scaled_atoms(settings: AdosSettings, data: AtomData, *, where: str) -> ScaledData:
    """What the linear map leaves of training and validation atoms; DataError if there are none."""
    for split in ("training", "validation"):
        if not data.named(split):
            raise DataError(
                f"there are no {split} snapshots among the atoms",
                where=where,
                expected="training-0000 and validation-0000 at least",
                got=", ".join(data.snapshots) or "none",
            )
    linear = linear_map(data)
    training, validation = (_rest(data, split, linear) for split in ("training", "validation"))
    return scale(training, validation, settings.input_scaling, OUTPUT_SCALING)


def _rest(data: AtomData, split: str, linear: LinearReadout) -> PointData:
    """Atoms of a split, those of a snapshot together, without what the linear map tells of them."""
    found = list(data.named(split).values())
    rest = [one.dos - linear.predict(one.vectors) for one in found]
    return PointData(
        descriptors=np.concatenate([one.vectors for one in found]).astype(np.float32),
        ldos=np.concatenate(rest).astype(np.float32),
        axis=data.axis,
        definition=data.definition,
    )


def new_fit(settings: AdosSettings, scaled: ScaledData, seed: int) -> Training:
    """A training with the recipe of the section."""
    recipe = {
        "optimiser": "soap",
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "batch_size": settings.batch_atoms,
        "schedule": "cosine",
    }
    return new_training(
        scaled,
        Architecture(tuple(settings.hidden_widths), settings.activation),
        recipe,
        maximum_epochs=settings.maximum_epochs,
        seed=seed,
        use_gpu=settings.use_gpu,
    )
