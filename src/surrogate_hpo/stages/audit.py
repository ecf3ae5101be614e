"""Audit: training-free scores of architectures against the error of trained networks."""

import logging
import shutil
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.audit import AuditSettings
from surrogate_hpo.figures.score_agreement import score_agreement
from surrogate_hpo.io.atomic import write_text
from surrogate_hpo.io.datasets import PointData, read_points
from surrogate_hpo.io.documents import write_document
from surrogate_hpo.io.evaluations import EvaluationStore
from surrogate_hpo.io.provenance import fingerprint, provenance
from surrogate_hpo.io.tables import write_table
from surrogate_hpo.networks.architecture import Architecture, search_space
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.selection.proxies import PROXIES
from surrogate_hpo.selection.ranking import ArchitectureScore
from surrogate_hpo.stages.audit_figure import figure_arguments
from surrogate_hpo.stages.audit_tables import agreement_rows, score_rows, verdict_document
from surrogate_hpo.stages.brief import TrainedError, train_all
from surrogate_hpo.stages.fitting import scale, subset
from surrogate_hpo.stages.interface import DescriptorStores, LdosStores, Output, State
from surrogate_hpo.stages.score_data import make_score_data

logger = logging.getLogger(__name__)


def audit(
    *,
    settings: AuditSettings,
    seed: int,
    descriptors: DescriptorStores,
    ldos: LdosStores,
    validation_descriptors: DescriptorStores,
    validation_ldos: LdosStores,
    scores: Annotated[
        Path, Output("CSV: a row per architecture and score, beside the trained error (scaled)")
    ],
    agreement: Annotated[
        Path, Output("CSV: a row per score and group: Kendall τ, Spearman ρ, regret, cost")
    ],
    verdict: Annotated[Path, Output("JSON: what each score is worth here, and how to read it")],
    figure: Annotated[Path, Output("SVG: every score against the trained error")],
    figure_table: Annotated[Path, Output("CSV: the numbers of the figure")],
    state: Annotated[Path, State("folder of the finished trainings")],
) -> None:
    """Draw architectures, train each briefly from several seeds, and compare with every score.

    The error is the validation loss of the scaled LDOS after the fixed recipe of the
    settings. A killed audit goes on after its last training and ends with the same numbers.
    """
    inputs = [*descriptors, *ldos, *validation_descriptors, *validation_ldos]
    record = provenance("audit", settings, seed, inputs)
    architectures = search_space(
        settings.layers,
        settings.widths,
        settings.activations,
        equal_widths=settings.equal_widths,
        sample=settings.architectures,
        seed=derive_seed(seed, "audit", "architectures"),
    )
    training = read_points(descriptors, ldos)
    validation = read_points(validation_descriptors, validation_ldos)
    found = _score(architectures, settings, training, validation, seed)
    folder = state / fingerprint(record)
    errors = _train(
        architectures,
        settings,
        training,
        validation,
        EvaluationStore(folder / "trainings"),
        seed,
    )
    rows = score_rows(found, errors)
    groups = agreement_rows(
        rows, seed=derive_seed(seed, "audit", "bootstrap"), resamples=settings.resamples
    )
    drawing = score_agreement(**figure_arguments(rows, groups))
    write_table(scores, rows)
    write_table(agreement, groups)
    write_text(figure, drawing.svg)
    write_table(figure_table, drawing.table.records())
    write_document(verdict, verdict_document(groups, errors) | {"provenance": record})
    shutil.rmtree(folder)


def _score(
    architectures: list[Architecture],
    settings: AuditSettings,
    training: PointData,
    validation: PointData,
    seed: int,
) -> list[ArchitectureScore]:
    data = make_score_data(
        training.descriptors,
        training,
        validation,
        settings,
        stage="audit",
        seed=seed,
    )
    found = []
    for name in settings.scores:
        logger.info("score %s of %d architectures", name, len(architectures))
        found += [
            PROXIES[name](
                architecture,
                data,
                seed=derive_seed(seed, "audit", architecture.label),
                initialisations=settings.initialisations,
            )
            for architecture in architectures
        ]
    return found


def _train(
    architectures: list[Architecture],
    settings: AuditSettings,
    training: PointData,
    validation: PointData,
    finished: EvaluationStore,
    seed: int,
) -> dict[str, TrainedError]:
    recipe = settings.training
    data = scale(
        subset(training, recipe.points, derive_seed(seed, "audit", "points")),
        subset(validation, recipe.validation_points, derive_seed(seed, "audit", "validation")),
        recipe.input_scaling,
    )
    networks = {architecture.label: (architecture, data) for architecture in architectures}
    return train_all(networks, recipe, finished, seed=derive_seed(seed, "audit", "training"))
