"""The reduced Optuna study: hyperparameters of the optimisation, for the chosen network."""

import logging
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.config.search import SearchSettings
from surrogate_hpo.io.datasets import PointData, read_points
from surrogate_hpo.io.documents import read_document, write_document
from surrogate_hpo.io.journal import journal_storage
from surrogate_hpo.io.provenance import fingerprint, provenance
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.training import HistoryRow
from surrogate_hpo.search.space import TrialRow
from surrogate_hpo.search.study import Objective, run_study
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.fitting import (
    OUTPUT_SCALING_KEY,
    SCALING_KEY,
    ScaledData,
    new_training,
    scale,
    subset,
)
from surrogate_hpo.stages.interface import DescriptorStores, Input, LdosStores, Output, State
from surrogate_hpo.stages.training_space import training_space

logger = logging.getLogger(__name__)
STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def search(
    *,
    settings: SearchSettings,
    seed: int,
    naswot: Annotated[Path, Input("JSON: the choice of the naswot stage")],
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    trials: Annotated[Path, Output("CSV: a row per trial, value is the scaled validation loss")],
    choice: Annotated[Path, Output("JSON: the best trial's hyperparameters")],
    state: Annotated[Path, State("folder of the study's journal")],
) -> None:
    """Tune learning rate, batch size and the like by TPE; architecture and descriptor stay.

    Each trial averages short trainings from several initialisations. A killed study goes on
    from its journal and ends with the same trials as an undisturbed one.
    """
    inputs = [naswot, *descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("search", settings, seed, inputs)
    architecture = Architecture.from_dict(
        read_document(naswot, keys=("architecture",))["architecture"]
    )
    training = subset(
        read_points(descriptors, ldos), settings.points, derive_seed(seed, "search", "points")
    )
    validation = read_points(validation_descriptors, validation_ldos)
    folder = state / fingerprint(record)
    result = run_study(
        _objective(settings, seed, architecture, training, validation),
        training_space(settings),
        storage=journal_storage(folder / "journal.log"),
        trials=settings.trials,
        seed=derive_seed(seed, "search", "sampler"),
        startup_trials=settings.startup_trials,
        on_trial=lambda row: logger.info("trial %d/%d %s", row.number + 1, settings.trials, row),
    )
    write_table(trials, [_row(row) for row in result.trials])
    write_document(
        choice,
        {
            "hyperparameters": result.best.hyperparameters,
            "value": result.best.value,
            "trial": result.best.number,
            "objective": "validation loss of the scaled LDOS",
            "objective_unit": "",
            "provenance": record,
        },
    )
    shutil.rmtree(folder)


def _objective(
    settings: SearchSettings,
    seed: int,
    architecture: Architecture,
    training: PointData,
    validation: PointData,
) -> Objective:
    scaled: dict[tuple[str, str], ScaledData] = {}

    def objective(
        hyperparameters: Mapping[str, Any], report: Callable[[int, float], None]
    ) -> float:
        scaling = (hyperparameters[SCALING_KEY], hyperparameters[OUTPUT_SCALING_KEY])
        if scaling not in scaled:
            scaled[scaling] = scale(training, validation, *scaling)
        losses = []
        for number in range(settings.initialisations):
            fit = new_training(
                scaled[scaling],
                architecture,
                hyperparameters,
                maximum_epochs=settings.maximum_epochs,
                seed=derive_seed(seed, "search", "initialisation", number),
                use_gpu=settings.use_gpu,
                mixed_precision=settings.mixed_precision,
            )
            losses.append(fit.run(_reporter(report, number)).validation_loss)
        return sum(losses) / len(losses)

    return objective


def _reporter(
    report: Callable[[int, float], None], initialisation: int
) -> Callable[[HistoryRow], None]:
    """Report the first initialisation's epochs: a median over other steps would mix things."""

    def on_epoch(row: HistoryRow) -> None:
        if initialisation == 0:
            report(row.epoch, row.validation_loss)

    return on_epoch


def _row(row: TrialRow) -> dict[str, str | int | float | bool | None]:
    return {
        "trial": row.number,
        "state": STATES[row.state],
        "value": row.value,
        **row.hyperparameters,
        "reason": row.reason,
    }
