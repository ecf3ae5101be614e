"""Bytes and CPU or GPU seconds of a part of the table of trained networks."""

import math
from statistics import fmean

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import Need
from surrogate_hpo.run.needs.networks import (
    epoch_operations,
    fit,
    jacobians,
    parameters,
    points_in_memory,
    score_seconds,
)
from surrogate_hpo.run.needs.predictions import (
    ENERGY_BYTES,
    integral_seconds,
    prediction_seconds,
)
from surrogate_hpo.scores.architectures.options import LEARNING_SCORES


def table_chunk(case: Case) -> Need:
    """Scores and trainings of the configurations, and energies after each of the trainings.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one of them.
    """
    settings = case.config.table
    everything, validation = case.points("training"), case.points("validation")
    training = min(settings.points or everything, everything)
    # Equal widths stand for tapers below and above one alike.
    space = [case.layers(n, width) for n in settings.layers for width in settings.widths]
    some = math.ceil(settings.configurations / settings.chunks)
    epochs = some * settings.seeds * sum(settings.epochs)
    batches = settings.batch_size
    each = fmean(epoch_operations(n, training, batch) for n in space for batch in batches)
    scores = [
        settings.score.points if name in LEARNING_SCORES else 0 for name in settings.score.names
    ]
    seconds = fmean(sum(score_seconds(n, points) for points in scores) for n in space)
    seconds *= some * settings.score.initialisations
    held = points_in_memory(case, everything, validation, copies=len(settings.input_scaling))
    held += jacobians(case, settings.score.batch_size)
    held += FLOAT32 * everything * case.components
    operations = epochs * each
    if settings.energies:
        judged = some * settings.seeds * len(settings.epochs) * validation
        operations += 2.0 * fmean(map(parameters, space)) * judged
        seconds += prediction_seconds(case, judged) + integral_seconds(case, judged)
        held += FLOAT32 * validation * (case.components + case.energies)
        held += case.grid_points * (case.point_bytes + 2 * FLOAT32 * case.energies + ENERGY_BYTES)
    steps = math.ceil(epochs * fmean(training / batch for batch in batches))
    return fit(case, held, operations, steps, settings.use_gpu, host_seconds=seconds)
