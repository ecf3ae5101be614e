"""One of several jobs that do the trainings of the audit of descriptors."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.run.interface import (
    AcsdChoice,
    AcsdScores,
    CandidateState,
    ChunkNumber,
    LdosStores,
    Output,
    Structures,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.acsd_audit.trainings import CandidateInputs, train_candidates
from surrogate_hpo.training.chunks import chunk_of


def acsd_audit_chunk(
    *,
    settings: AcsdAuditSettings,
    seed: int,
    chunk: ChunkNumber,
    acsd_scores: AcsdScores,
    acsd_choice: AcsdChoice,
    structures: Structures,
    ldos: LdosStores,
    validation_structures: Structures,
    validation_ldos: LdosStores,
    marker: Annotated[Path, Output("JSON: the candidates of this chunk, now done")],
    state: CandidateState,
) -> None:
    """Train on every n-th candidate of the audit, which then finds the trainings done."""
    inputs = CandidateInputs(
        acsd_scores, acsd_choice, structures, ldos, validation_structures, validation_ldos
    )
    record = provenance("acsd_audit_chunk", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="acsd_audit_chunk")
    _, scored = inputs.scored(settings)
    mine = chunk_of(scored, chunk, chunks=settings.chunks)
    done: list[str] = []
    if mine:
        _, errors = train_candidates(
            scored, inputs, folder, settings=settings, seed=seed, trained=mine
        )
        done = list(errors)
    write_document(marker, {"chunk": chunk, "candidates": done})
