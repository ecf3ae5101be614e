"""The reduced Optuna study: hyperparameters of the optimisation, for the chosen network."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.search import SearchSettings
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.provenance import provenance, shared_state
from surrogate_hpo.io.tables import Cell, write_table
from surrogate_hpo.search.space import TrialRow
from surrogate_hpo.stages.interface import DescriptorStores, LdosStores, NaswotChoice, Output
from surrogate_hpo.stages.search_study import StudyInputs, StudyState, run_trials

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
    trials: Annotated[Path, Output("CSV: a row per trial, value is the scaled validation loss")],
    choice: Annotated[Path, Output("JSON: the best trial's hyperparameters")],
    state: StudyState,
) -> None:
    """Tune learning rate, batch size and the like by TPE; architecture and descriptor stay.

    Each trial averages short trainings from several initialisations. A killed study goes on
    from its journal and ends with the same trials as an undisturbed one. Trials that workers
    have finished before (see `search_worker`) are found in the journal; what is missing is
    done here.
    """
    inputs = StudyInputs(naswot, descriptors, ldos, validation_descriptors, validation_ldos)
    record = provenance("search", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="search_worker")
    # Beside several workers it is one more: theirs are the numbers below.
    number = settings.workers if settings.workers > 1 else 0
    result = run_trials(inputs, folder, settings=settings, seed=seed, worker=number)
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


def _row(row: TrialRow) -> dict[str, Cell]:
    return {
        "trial": row.number,
        "state": STATES[row.state],
        "value": row.value,
        **row.hyperparameters,
        "reason": row.reason,
    }
