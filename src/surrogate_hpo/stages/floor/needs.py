"""Bytes and CPU seconds of the energies of all reference LDOS."""

from surrogate_hpo.config.base import SPLITS
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    TORCH_BASE,
    Need,
)
from surrogate_hpo.run.needs.networks import (
    TORCH_STARTUP_SECONDS,
)
from surrogate_hpo.run.needs.predictions import ENERGY_BYTES, integral_seconds


def floor(case: Case) -> Need:
    """The LDOS of all snapshots, one after the other, and their integrals."""
    memory = case.grid_points * (2 * FLOAT32 * case.energies + ENERGY_BYTES)
    points = sum(case.points(split) for split in SPLITS)
    return Need(TORCH_BASE + memory, TORCH_STARTUP_SECONDS + integral_seconds(case, points))
