"""Energies and forces of structures beyond the run, whose DFT energies are known."""

import logging
import shutil
import time
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import numpy as np

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.structures.labelled import LabelledFrame, read_labelled
from surrogate_hpo.interruption import stop_if_asked
from surrogate_hpo.labels.judged_guards import check_energy, check_forces, refuse_known
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.prediction import check_elements, predict_structure
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.predict.transferred import Transferred, write_transferred
from surrogate_hpo.run.interface import Input, Output, State
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.stages.transfer.settings import TransferSettings

logger = logging.getLogger(__name__)


def transfer(
    *,
    settings: TransferSettings,
    seed: int,
    threads: int,
    surrogate: Annotated[Path, Input("file of the surrogate stage")],
    energies: Annotated[
        Path,
        Output("JSON: structure (Å), energies (eV per cell) and forces of DFT and networks, time"),
    ],
    table: Annotated[Path, Output("CSV: a row per structure; eV, meV/Å, seconds")],
    state: Annotated[Path, State("folder of the predictions that are finished")],
) -> None:
    """Predict the structures of `transfer.structures`, whose total free energies are known.

    They may be larger than what the run has computed: their LDOS is not needed, and not known.
    Forces are predicted for those frames that have some, see `transfer.forces`.
    The evaluate stage judges these predictions beside those of the held-out snapshots.
    """
    networks = read_surrogate(surrogate)
    frames = read_labelled(settings.structures)
    refuse_known([], [(frame.where, frame.atoms) for frame in frames], "transfer.structures")
    for frame in frames:  # all of them, before the first is computed
        check_elements(networks, frame.atoms)
    files = [Path(file) for file in settings.files]
    record = provenance("transfer", settings, seed, [surrogate, *files])
    folder = state / fingerprint(record)
    finished = EvaluationStore(folder / "finished")
    rows = []
    for number, frame in enumerate(frames):
        name = f"transfer-{number:04d}"
        if name not in finished:
            stop_if_asked(f"{number} of {len(frames)} structures ({folder})")
            finished[name] = _predicted(
                networks, frame, folder / "scratch", threads, with_forces=settings.forces
            )
        rows.append(Transferred.of(name, frame, finished[name]))
        _check_units(frame, rows[-1])
        logger.info("%d/%d %s", number + 1, len(frames), rows[-1].in_words)
    write_table(table, [row.as_row() for row in rows])
    write_transferred(energies, rows, record)
    shutil.rmtree(folder)


def _check_units(frame: LabelledFrame, row: Transferred) -> None:
    """Energies and forces of the file beside what is predicted."""
    predicted = fmean(row.energies_ev[TOTAL])
    if far := check_energy(frame.total_free_energy, predicted, len(frame.atoms), frame.where):
        logger.warning(far)
    if row.forces is not None:
        check_forces(row.forces.dft, np.mean(row.forces.networks, axis=0), frame.where)


def _predicted(
    networks: Surrogate, frame: LabelledFrame, scratch: Path, threads: int, *, with_forces: bool
) -> dict[str, Any]:
    """What the networks say of one structure, and the CPU time that it took."""
    shutil.rmtree(scratch, ignore_errors=True)  # of a process that was killed
    scratch.mkdir(parents=True)
    started, judged = time.process_time(), with_forces and frame.forces is not None
    try:
        found = predict_structure(
            networks,
            frame.atoms,
            Conditions(threads=threads),
            scratch,
            forces="each" if judged else None,
        )
    except PhysicsError as error:
        raise _without_prediction(error, frame) from error
    return {
        "energies": {key: list(values) for key, values in found.energies.items()},
        "grid": list(found.grid),
        "prediction_cpu_seconds": time.process_time() - started,
        "fraction_of_points_outside_of_training_range": found.extrapolation.fraction_of_points,
        "warnings": list(found.warnings),
        "error_bar": found.error_bar,
        "forces": _beside_dft(frame, found),
    }


def _beside_dft(frame: LabelledFrame, found: Prediction) -> dict[str, Any] | None:
    """Forces of the networks beside those of DFT; None if they are not judged."""
    if found.derivatives is None or frame.forces is None:
        return None
    forces, stress = found.derivatives.forces_per_network, found.derivatives.stress_per_network
    assert forces is not None and stress is not None  # noqa: S101, PT018 - asked for
    return SnapshotForces(
        species=tuple(frame.atoms.get_chemical_symbols()),
        dft=frame.forces,
        networks=forces,
        dft_stress=None,
        network_stresses=stress,
    ).as_document()


def _without_prediction(error: PhysicsError, frame: LabelledFrame) -> PhysicsError:
    return PhysicsError(
        "a structure beyond the run cannot be predicted",
        where=frame.where,
        got="; ".join(line.strip() for line in str(error).splitlines()),
        remedy="train on structures that resemble it, or leave it out of transfer.structures",
    )
