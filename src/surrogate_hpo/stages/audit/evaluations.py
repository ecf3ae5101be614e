"""What is done with each architecture of the audit: scores, and brief trainings."""

from collections.abc import Sequence

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.point_parts import held
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.training.architecture_scores import score_all
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
        held(training.descriptors), training, validation, settings, stage="audit", seed=seed
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
