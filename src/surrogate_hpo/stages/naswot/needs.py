"""Bytes and CPU seconds of a part of the scan of architectures."""

import math

from surrogate_hpo.data.memory import KEPT_DESCRIPTOR_BYTES
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import TORCH_BASE, Need
from surrogate_hpo.run.needs.networks import (
    READING_RATE,
    TORCH_STARTUP_SECONDS,
    TRAINING_WORK,
    jacobians,
    moments_seconds,
    score_seconds,
)

INT64 = 8


# Of the descriptors: mean, covariance, and to pick a minibatch.
_PASSES = 3


def naswot_chunk(case: Case) -> Need:
    """Scores of all architectures; the descriptors of all training points fit the scaler.

    Memory: P C, at most as much as is kept, or 2 N C, one snapshot in use and one on its way, if
    that is more; an order of the points; one snapshot with its LDOS, for the length of that, or
    all where the score learns; Jacobians of a minibatch.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one of them.
    """
    settings = case.config.naswot
    training = case.points("training")
    labelled = training if settings.needs_ldos else case.grid_points
    held_out = case.points("validation") if settings.needs_ldos else case.grid_points
    inputs, one = (FLOAT32 * rows * case.components for rows in (training, case.grid_points))
    held = max(min(inputs, KEPT_DESCRIPTOR_BYTES), 2 * one) + INT64 * training
    labels = case.point_bytes * (labelled + held_out)
    read = inputs * (1 if inputs <= KEPT_DESCRIPTOR_BYTES else _PASSES) + labels
    architectures = len(settings.activations) * sum(
        len(settings.widths) ** (1 if settings.equal_widths else layers)
        for layers in settings.layers
    )
    networks = min(architectures, settings.sample or architectures) * settings.initialisations
    networks = math.ceil(networks / settings.chunks)
    return Need(
        TORCH_BASE + TRAINING_WORK + jacobians(case, settings.batch_size) + held + labels,
        TORCH_STARTUP_SECONDS
        + read / READING_RATE
        + moments_seconds(case, training)
        + networks * score_seconds(case.network, settings.points if settings.needs_ldos else 0),
    )
