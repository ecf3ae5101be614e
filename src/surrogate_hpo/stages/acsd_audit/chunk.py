"""One of the jobs of the audit of descriptors: trainings on every n-th candidate."""

from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    AcsdChoice,
    AcsdScores,
    CandidateState,
    ChunkNumber,
    ChunkResults,
    LdosStores,
    Structures,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.acsd_audit.candidates import scored_candidates
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.acsd_audit.trainings import CandidateInputs, train_candidates
from surrogate_hpo.training.chunks import chunk_of, chunk_state


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
    results: ChunkResults,
    state: CandidateState,
) -> None:
    """Train one network briefly on candidate descriptors.

    Descriptors are computed at the training and validation points only. The error is the
    validation loss of the scaled LDOS, which is the same for all candidates. A killed job goes on
    after its last training and ends with the same numbers.
    """
    _, scored = scored_candidates(acsd_scores, acsd_choice, settings)
    candidates = chunk_of(scored, chunk, chunks=settings.chunks)
    inputs = CandidateInputs(
        acsd_scores, acsd_choice, structures, ldos, validation_structures, validation_ldos
    )
    record = provenance("acsd_audit_chunk", settings, seed, inputs.paths())
    finished = EvaluationStore(chunk_state(state, record, chunk, chunks=settings.chunks))
    if candidates:
        train_candidates(
            candidates,
            inputs,
            finished,
            settings=settings,
            seed=seed,
            highest=max(row["twojmax"] for row in scored),
        )
    write_chunk(results, finished, record)
    finished.discard()
