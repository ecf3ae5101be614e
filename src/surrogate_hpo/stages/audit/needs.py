"""Bytes and CPU or GPU seconds of a part of the audit of scores."""

import math

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    Need,
)
from surrogate_hpo.run.needs.networks import (
    READING_RATE,
    jacobians,
    moments_seconds,
    recipe_points,
    score_seconds,
    short_trainings,
)
from surrogate_hpo.scores.architectures.options import LEARNING_SCORES


def audit_chunk(case: Case) -> Need:
    """Scores and brief trainings of the drawn architectures.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one of them.
    """
    settings = case.config.audit
    recipe = settings.training
    training, validation = case.points("training"), case.points("validation")
    # Read; then, for the scores, the descriptors scaled; the trainings see a few points only.
    reading = case.point_bytes * (training + max(training, validation))
    scoring = case.point_bytes * (training + validation) + FLOAT32 * training * case.components
    space = [case.layers(n, width) for n in settings.layers for width in settings.widths]
    held = max(reading, scoring) + 2 * case.point_bytes * recipe_points(recipe)
    drawn = math.ceil(settings.architectures / settings.chunks)
    networks = drawn * settings.initialisations
    scores = [settings.points if name in LEARNING_SCORES else 0 for name in settings.scores]
    return short_trainings(
        case,
        recipe,
        space,
        trainings=drawn * recipe.seeds,
        held=held + jacobians(case, settings.batch_size),
        host_seconds=held / READING_RATE
        + moments_seconds(case, training)
        + networks * sum(score_seconds(space[-1], points) for points in scores),
    )
