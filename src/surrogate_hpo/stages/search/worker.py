"""One of the workers of the search."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    Argument,
    DescriptorStores,
    JudgedDft,
    JudgedPotentials,
    JudgedStructures,
    LdosStores,
    NaswotChoice,
    Output,
    StudyState,
)
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.stages.search.inputs import StudyInputs
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.search.study import run_trials
from surrogate_hpo.training.chunks import chunk_of


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
    results: Annotated[Path, Output("JSON: every n-th trial of the study, whoever ran it")],
    state: StudyState,
) -> None:
    """Run trials of the search beside other workers, until all trials have ended.

    Each trial averages short trainings from several initialisations, each judged on snapshots
    that it has not seen. Which worker runs which trial, and when, does not change what a trial
    finds. A trial whose worker gives no sign of life any more is taken over. A killed study goes on
    from its journal and ends with the same trials as an undisturbed one.
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
    folder = state / fingerprint(record)
    study = run_trials(inputs, folder, settings=settings, seed=seed, worker=worker)
    # All workers know all trials now, so what each writes down does not depend on who ran what.
    mine = chunk_of(study.trials, worker, chunks=settings.workers)
    write_chunk(results, {str(row.number): asdict(row) for row in mine}, record)
