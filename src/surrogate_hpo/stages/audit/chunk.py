"""One of the jobs of the audit: scores and trainings of every n-th architecture."""

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    AuditState,
    ChunkNumber,
    ChunkResults,
    DescriptorStores,
    LdosStores,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.audit.evaluations import evaluate
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.audit.space import audited
from surrogate_hpo.training.chunks import chunk_of, chunk_state


def audit_chunk(
    *,
    settings: AuditSettings,
    seed: int,
    chunk: ChunkNumber,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    results: ChunkResults,
    state: AuditState,
) -> None:
    """Score architectures and train each briefly from several seeds.

    The error is the validation loss of the scaled LDOS after the fixed recipe of the
    settings. A killed job goes on after its last training and ends with the same numbers.
    """
    architectures = chunk_of(audited(settings, seed), chunk, chunks=settings.chunks)
    inputs = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("audit_chunk", settings, seed, inputs)
    finished = EvaluationStore(chunk_state(state, record, chunk, chunks=settings.chunks))
    evaluate(
        architectures,
        read_points(descriptors, ldos),
        read_points(validation_descriptors, validation_ldos),
        finished,
        settings=settings,
        seed=seed,
    )
    write_chunk(results, finished, record)
    finished.discard()
