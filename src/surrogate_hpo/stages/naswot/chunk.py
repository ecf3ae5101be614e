"""One of several jobs that do the scan of the naswot stage."""

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.run.interface import (
    ChunkMarker,
    ChunkNumber,
    DescriptorStores,
    HeldOutDescriptors,
    HeldOutLdos,
    LdosStores,
    ScanState,
)
from surrogate_hpo.run.provenance import provenance, shared_state
from surrogate_hpo.stages.naswot.scan import ScanInputs, scan, scanned
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.training.chunks import chunk_of


def naswot_chunk(
    *,
    settings: NaswotSettings,
    seed: int,
    chunk: ChunkNumber,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: HeldOutDescriptors = None,
    validation_ldos: HeldOutLdos = None,
    marker: ChunkMarker,
    state: ScanState,
) -> None:
    """Score every n-th architecture of the scan; the naswot stage then finds the scores."""
    architectures = chunk_of(scanned(settings, seed), chunk, chunks=settings.chunks)
    inputs = ScanInputs(descriptors, ldos, validation_descriptors, validation_ldos)
    record = provenance("naswot_chunk", settings, seed, inputs.paths())
    folder = shared_state(state, record, helper="naswot_chunk")
    scan(architectures, inputs, folder, settings=settings, seed=seed)
    write_document(marker, {"chunk": chunk, "architectures": [a.label for a in architectures]})
