"""One of several jobs that do the trainings of the audit."""

from surrogate_hpo.data.datasets import read_points
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.run.interface import (
    AuditState,
    ChunkMarker,
    ChunkNumber,
    DescriptorStores,
    LdosStores,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.stages.audit.evaluations import audited, evaluate
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.training.chunks import chunk_of


def audit_chunk(
    *,
    settings: AuditSettings,
    seed: int,
    chunk: ChunkNumber,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    marker: ChunkMarker,
    state: AuditState,
) -> None:
    """Score and train every n-th architecture of the audit, which then finds them done."""
    architectures = chunk_of(audited(settings, seed), chunk, chunks=settings.chunks)
    inputs = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("audit_chunk", settings, seed, inputs)
    evaluate(
        architectures,
        read_points(descriptors, ldos),
        read_points(validation_descriptors, validation_ldos),
        shared_state(state, record, helper="audit_chunk"),
        settings=settings,
        seed=seed,
    )
    write_document(marker, {"chunk": chunk, "architectures": [a.label for a in architectures]})
