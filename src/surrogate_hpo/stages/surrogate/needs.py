"""Bytes and CPU seconds of the surrogate file."""

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    TORCH_BASE,
    Need,
)
from surrogate_hpo.run.needs.networks import (
    DOUBLE_RATE,
    READING_RATE,
    TORCH_STARTUP_SECONDS,
    TRAINING_WORK,
)
from surrogate_hpo.run.needs.predictions import predictions


def surrogate(case: Case) -> Need:
    """The training descriptors, read three times, and predictions of the validation snapshots.

    The former are taken to float64 in slabs; the latter need as much as those of `transfer`.
    """
    values = case.points("training") * case.components
    seconds = 2.0 * values * case.components / DOUBLE_RATE + 3 * FLOAT32 * values / READING_RATE
    names = case.config.snapshots.names("validation")
    points = [case.sizes.get(name, case.size).grid_points for name in names]
    found = predictions(case, points, points if case.config.surrogate.forces else ())
    memory = max(TORCH_BASE + TRAINING_WORK, found.memory_bytes)
    return Need(memory, TORCH_STARTUP_SECONDS + seconds + found.cpu_seconds)
