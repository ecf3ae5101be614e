"""One of several workers of the search."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.run.interface import (
    Argument,
    DescriptorStores,
    JudgedDft,
    JudgedPotentials,
    JudgedStructures,
    LdosStores,
    NaswotChoice,
    Output,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.search.space import TrialRow
from surrogate_hpo.stages.search.inputs import StudyInputs
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.search.study import StudyState, run_trials


def search_worker(
    *,
    settings: SearchSettings,
    seed: int,
    worker: Annotated[int, Argument("number of the worker, from 0")],
    naswot: NaswotChoice,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    structures: JudgedStructures = None,
    dft: JudgedDft = None,
    pseudopotentials: JudgedPotentials = None,
    marker: Annotated[Path, Output("JSON: the trials that this worker ran")],
    state: StudyState,
) -> None:
    """Run trials of the search beside other workers, until all trials have ended.

    Which worker runs which trial, and when, does not change what a trial finds. A trial whose
    worker gives no sign of life any more is taken over.
    """
    if not 0 <= worker < settings.workers:
        raise ConfigError(
            "There is no such worker.",
            where="--worker",
            expected=f"0 to {settings.workers - 1}, as search.workers is {settings.workers}",
            got=str(worker),
        )
    inputs = StudyInputs(
        naswot,
        (descriptors, ldos),
        (validation_descriptors, validation_ldos),
        (structures or [], dft or []),
        pseudopotentials or [],
    )
    record = provenance("search_worker", settings, seed, inputs.paths())
    ran: list[TrialRow] = []
    run_trials(
        inputs,
        shared_state(state, record, helper="search_worker"),
        settings=settings,
        seed=seed,
        worker=worker,
        on_trial=ran.append,
    )
    write_document(marker, {"worker": worker, "trials": [row.number for row in ran]})
