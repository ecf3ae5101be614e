"""The reduced Optuna study: hyperparameters of the optimisation, for the chosen network."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.run.interface import (
    DescriptorStores,
    JudgedDft,
    JudgedPotentials,
    JudgedStructures,
    LdosStores,
    NaswotChoice,
    Output,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.search.options import OBJECTIVES
from surrogate_hpo.search.space import TrialRow
from surrogate_hpo.stages.search.inputs import StudyInputs
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.search.study import StudyState, run_trials

STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def search(
    *,
    settings: SearchSettings,
    seed: int,
    naswot: NaswotChoice,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    structures: JudgedStructures = None,
    dft: JudgedDft = None,
    pseudopotentials: JudgedPotentials = None,
    trials: Annotated[
        Path, Output("CSV: a row per trial with its value, the scaled loss or meV/atom")
    ],
    choice: Annotated[Path, Output("JSON: the best trial's hyperparameters")],
    state: StudyState,
) -> None:
    """Tune learning rate, batch size and the like by TPE; architecture and descriptor stay.

    Each trial averages short trainings from several initialisations, each judged on snapshots
    that it has not seen. A killed study goes on from its journal and ends with the same trials
    as an undisturbed one. Trials that workers have finished before (see `search_worker`) are
    found in the journal; what is missing is done here.
    """
    inputs = StudyInputs(
        naswot,
        (descriptors, ldos),
        (validation_descriptors, validation_ldos),
        (structures or [], dft or []),
        pseudopotentials or [],
    )
    record = provenance("search", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="search_worker")
    # Beside several workers it is one more: theirs are the numbers below.
    number = settings.workers if settings.workers > 1 else 0
    result = run_trials(inputs, folder, settings=settings, seed=seed, worker=number)
    objective = OBJECTIVES[settings.objective]
    write_table(trials, [_row(row, objective.column) for row in result.trials])
    write_document(
        choice,
        {
            "hyperparameters": result.best.hyperparameters,
            "value": result.best.value,
            "trial": result.best.number,
            "objective": objective.label,
            "objective_unit": objective.unit,
            "folds": settings.folds,
            "provenance": record,
        },
    )
    shutil.rmtree(folder)


def _row(row: TrialRow, column: str) -> dict[str, Cell]:
    return {
        "trial": row.number,
        "state": STATES[row.state],
        column: row.value,
        **row.hyperparameters,
        "reason": row.reason,
    }
