"""Bytes and CPU or GPU seconds of a part of the audit of descriptors."""

import math

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    Need,
    snap_seconds,
)
from surrogate_hpo.run.needs.networks import (
    READING_RATE,
    recipe_points,
    short_trainings,
)


def acsd_audit_chunk(case: Case) -> Need:
    """Brief trainings of one network on every candidate's descriptors at some points.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one of them.
    """
    settings, scored = case.config.acsd_audit, case.config.acsd
    recipe = settings.training
    radii = settings.cutoff_radii_angstrom or scored.cutoff_radii_angstrom
    candidates = math.ceil(len(radii) * len(settings.twojmax or scored.twojmax) / settings.chunks)
    points = recipe_points(recipe)
    held = 2 * FLOAT32 * case.grid_points * case.energies
    held += 3 * candidates * case.point_bytes * points
    return short_trainings(
        case,
        recipe,
        [case.layers(settings.layers, settings.width)],
        trainings=candidates * recipe.seeds,
        held=held,
        host_seconds=len(radii) * points * snap_seconds(case, "native")
        + case.points("training", "validation") * FLOAT32 * case.energies / READING_RATE,
    )
