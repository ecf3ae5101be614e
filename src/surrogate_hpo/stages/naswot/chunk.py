"""One of the jobs of the naswot stage: the scores of every n-th architecture."""

from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    ChunkNumber,
    ChunkResults,
    DescriptorStores,
    HeldOutDescriptors,
    HeldOutLdos,
    LdosStores,
    ScanState,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.naswot.scan import ScanInputs, scan
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.naswot.space import scanned
from surrogate_hpo.training.chunks import chunk_of, chunk_state


def naswot_chunk(
    *,
    settings: NaswotSettings,
    seed: int,
    chunk: ChunkNumber,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: HeldOutDescriptors = None,
    validation_ldos: HeldOutLdos = None,
    results: ChunkResults,
    state: ScanState,
) -> None:
    """Score untrained networks, by default by the correlation of their input Jacobians.

    These are taken at one minibatch of grid points (Fiedler et al. 2022, eq. 13-14). Scores that
    learn from the LDOS need it for all training snapshots, and are judged on the validation
    snapshots; without these, on the last training snapshot. A killed job goes on after its last
    score.
    """
    architectures = chunk_of(scanned(settings, seed), chunk, chunks=settings.chunks)
    inputs = ScanInputs(descriptors, ldos, validation_descriptors, validation_ldos)
    record = provenance("naswot_chunk", settings, seed, inputs.paths())
    finished = EvaluationStore(chunk_state(state, record, chunk, chunks=settings.chunks))
    minibatch = scan(architectures, inputs, finished, settings=settings, seed=seed)
    write_chunk(results, finished, record, minibatch_points=minibatch)
    finished.discard()
