"""One of the jobs of the audit: scores and trainings of every n-th architecture."""

from collections.abc import Sequence

from surrogate_hpo.data.datasets import PointData, read_points
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.point_parts import in_memory
from surrogate_hpo.run.chunk_results import write_chunk
from surrogate_hpo.run.interface import (
    AuditState,
    ChunkNumber,
    ChunkResults,
    DescriptorStores,
    LdosStores,
)
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.audit.space import audited
from surrogate_hpo.training.architecture_scores import score_all
from surrogate_hpo.training.chunks import chunk_of, chunk_state
from surrogate_hpo.training.fitting import scale, subset
from surrogate_hpo.training.score_data import make_score_data
from surrogate_hpo.training.short_recipe import train_all


def evaluate(
    architectures: Sequence[Architecture],
    training: PointData,
    validation: PointData,
    finished: EvaluationStore,
    *,
    settings: AuditSettings,
    seed: int,
) -> None:
    """Score and train architectures, except where that has been done before.

    Parameters
    ----------
    architectures
        All that are audited, or a part of them.
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    finished
        Takes scores and trainings; those of an interrupted run are there already.
    settings
        The section of the config.
    seed
        Root seed of the config.
    """
    data = make_score_data(
        in_memory(training.descriptors), training, validation, settings, stage="audit", seed=seed
    )
    for name in settings.scores:
        score_all(
            architectures,
            PROXIES[name],
            data,
            finished,
            stage="audit",
            seed=seed,
            initialisations=settings.initialisations,
        )
    recipe = settings.training
    scaled = scale(
        subset(training, recipe.points, derive_seed(seed, "audit", "points")),
        subset(validation, recipe.validation_points, derive_seed(seed, "audit", "validation")),
        recipe.input_scaling,
    )
    train_all(
        {architecture.label: (architecture, scaled) for architecture in architectures},
        recipe,
        finished,
        seed=derive_seed(seed, "audit", "training"),
    )


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
