"""Bytes and CPU or GPU seconds of the jobs that search the hyperparameters of the training.

Made as those of `surrogate_hpo.run.needs.networks`.
"""

import math

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import Need
from surrogate_hpo.run.needs.networks import (
    READING_RATE,
    epoch_operations,
    fit,
    parameters,
    points_in_memory,
)
from surrogate_hpo.run.needs.predictions import (
    ENERGY_BYTES,
    integral_seconds,
    prediction_seconds,
)


def search_worker(case: Case) -> Need:
    """Trials one after the other; the points are kept once per pair of scalings.

    Of several folds one is kept at a time, and each trial reads all of them. Where energies are
    judged, every training is followed by predictions of its held-out snapshots and integrals.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one of them.
    """
    settings = case.config.search
    everything, held_out = _fold_points(case)
    training = min(settings.points or everything, everything)
    pairs = 1 if settings.folds > 1 else len(settings.input_scaling) * len(settings.output_scaling)
    held = points_in_memory(case, training, held_out, copies=min(pairs, settings.trials))
    held = max(held, 2 * case.point_bytes * everything)
    trials = math.ceil(settings.trials / settings.workers)
    epochs = trials * settings.folds * settings.initialisations * settings.maximum_epochs
    operations = epochs * epoch_operations(case.network, training, min(settings.batch_size))
    steps = epochs * (training // min(settings.batch_size))
    seconds = 0.0
    if settings.folds > 1:
        read = trials * settings.folds * (everything + held_out)
        seconds += read * case.point_bytes / READING_RATE
    if settings.needs_energies:
        judged = trials * settings.initialisations * case.points(*settings.judged_splits)
        operations += 2.0 * parameters(case.network) * judged
        seconds += prediction_seconds(case, judged) + integral_seconds(case, judged)
        held += case.grid_points * (case.point_bytes + 2 * FLOAT32 * case.energies + ENERGY_BYTES)
    return fit(case, held, operations, steps, settings.use_gpu, host_seconds=seconds, threads=2)


def _fold_points(case: Case) -> tuple[int, int]:
    """Points of the snapshots that a training may learn from, and of those held out from it."""
    folds = case.config.search.folds
    if folds == 1:
        return case.points("training"), case.points("validation")
    together = case.points("training", "validation")
    held_out = math.ceil(together / folds)
    return together - held_out, held_out
