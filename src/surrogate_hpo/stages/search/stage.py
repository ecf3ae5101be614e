"""The reduced Optuna study: hyperparameters of the optimisation, for the chosen network."""

import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.files.tables import Cell, write_table
from surrogate_hpo.run.chunk_results import read_chunks
from surrogate_hpo.run.interface import Input, Output, StudyState
from surrogate_hpo.run.provenance import fingerprint
from surrogate_hpo.search.options import OBJECTIVES
from surrogate_hpo.search.space import TrialRow
from surrogate_hpo.search.study_rows import best_trial
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.training.space import first_trials

STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def search(
    *,
    settings: SearchSettings,
    seed: int,
    workers: Annotated[list[Path], Input("JSON: the trials, as all workers wrote them down")],
    trials: Annotated[
        Path, Output("CSV: a row per trial with its value, the scaled loss or meV/atom")
    ],
    choice: Annotated[Path, Output("JSON: the best trial's hyperparameters")],
    state: StudyState,
) -> None:
    """Tune learning rate, batch size and the like by TPE; architecture and descriptor stay.

    The trials are those of `search_worker`, of which the best is chosen.
    """
    gathered = read_chunks(workers)
    memo = Memo(TrialRow, gathered.results)
    rows = [memo.recall(str(number)) for number in range(settings.trials)]
    best = best_trial(rows)
    objective = OBJECTIVES[settings.objective]
    write_table(trials, [_row(row, objective.column) for row in rows])
    write_document(
        choice,
        {
            "hyperparameters": best.hyperparameters,
            "value": best.value,
            "trial": best.number,
            "objective": objective.label,
            "objective_unit": objective.unit,
            "folds": settings.folds,
            "known_trials": len(first_trials(settings)),
            "provenance": gathered.provenance("search", settings, seed),
        },
    )
    shutil.rmtree(state / fingerprint(gathered.made), ignore_errors=True)  # of all workers


def _row(row: TrialRow, column: str) -> dict[str, Cell]:
    return {
        "trial": row.number,
        "state": STATES[row.state],
        column: row.value,
        **row.hyperparameters,
        "reason": row.reason,
    }
