"""What is done with each architecture of the audit: scores, and brief trainings."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture, search_space
from surrogate_hpo.networks.point_parts import held
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.training.chunks import score_all
from surrogate_hpo.training.fitting import scale, subset
from surrogate_hpo.training.score_data import make_score_data
from surrogate_hpo.training.short_recipe import TrainedError, train_all


def audited(settings: AuditSettings, seed: int) -> list[Architecture]:
    """The architectures that are audited, drawn from the space."""
    return search_space(
        settings.layers,
        settings.widths,
        settings.activations,
        equal_widths=settings.equal_widths,
        sample=settings.architectures,
        seed=derive_seed(seed, "audit", "architectures"),
    )


def evaluate(
    architectures: Sequence[Architecture],
    training: PointData,
    validation: PointData,
    folder: Path,
    *,
    settings: AuditSettings,
    seed: int,
) -> tuple[list[ArchitectureScore], dict[str, TrainedError]]:
    """Score and train architectures, except where that has been done before.

    Parameters
    ----------
    architectures
        All that are audited, or a part of them.
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    folder
        Of the finished evaluations, which other jobs may share.
    settings
        The section of the config.
    seed
        Root seed of the config.

    Returns
    -------
    list of ArchitectureScore, dict of TrainedError
        All scores, and the errors by the architecture's label.
    """
    data = make_score_data(
        held(training.descriptors), training, validation, settings, stage="audit", seed=seed
    )
    finished = EvaluationStore(folder / "scores")
    scores = [
        score
        for name in settings.scores
        for score in score_all(
            architectures,
            PROXIES[name],
            data,
            finished,
            stage="audit",
            seed=seed,
            initialisations=settings.initialisations,
        )
    ]
    recipe = settings.training
    scaled = scale(
        subset(training, recipe.points, derive_seed(seed, "audit", "points")),
        subset(validation, recipe.validation_points, derive_seed(seed, "audit", "validation")),
        recipe.input_scaling,
    )
    errors = train_all(
        {architecture.label: (architecture, scaled) for architecture in architectures},
        recipe,
        EvaluationStore(folder / "trainings"),
        seed=derive_seed(seed, "audit", "training"),
    )
    return scores, errors
