"""Bytes and CPU or GPU seconds of the jobs that predict a large cell together."""

import math

from surrogate_hpo.data.memory import (
    DENSITY_POINT_BYTES,
    EXPANSION_POINT_BYTES,
    SLAB_POINT_BYTES,
)
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import FLOAT64, STARTUP_SECONDS, TORCH_BASE, Need, snap_seconds
from surrogate_hpo.run.needs.networks import READING_RATE, network_job, parameters
from surrogate_hpo.run.needs.predictions import (
    BLOCK_POINTS,
    integral_seconds,
    prediction_seconds,
)

# Share of the points on the coarse grids.
_COARSE = 0.02
# The sum over pairs of ions grows with the power 1.5 of their number.
_EWALD_SECONDS = 5e-6


def _points(case: Case) -> int:
    return case.grid_points if case.large is None else case.large.grid_points


def _networks(case: Case, points: float, held: float) -> Need:
    """Descriptors and networks at so many points."""
    settings, networks = case.config.predict_large, case.config.train.seeds
    operations = 2.0 * parameters(case.network) * points * networks
    seconds = prediction_seconds(case, math.ceil(points) * networks)
    seconds += points * snap_seconds(case, settings.engine)
    block = BLOCK_POINTS * (2 * case.point_bytes + FLOAT64 * case.energies)
    return network_job(held + block, operations, 0, settings.use_gpu, host_seconds=seconds)


def predict_large_bracket(case: Case) -> Need:
    """Coarse grids of the whole cell."""
    return _networks(case, _COARSE * _points(case), 0.0)


def predict_large_slab(case: Case) -> Need:
    """The points of a slab, and what is kept of each: in memory, and once more while written."""
    points = _points(case) / case.config.predict_large.slabs
    return _networks(case, points, 2 * points * EXPANSION_POINT_BYTES * case.config.train.seeds)


def predict_large(case: Case) -> Need:
    """The density of one network after the other, with its transforms; the sums of the slabs."""
    points, networks = _points(case), case.config.train.seeds
    read = points * networks * SLAB_POINT_BYTES
    atoms = case.size.atoms if case.large is None else case.large.atoms
    seconds = STARTUP_SECONDS + integral_seconds(case, points * networks) + read / READING_RATE
    return Need(TORCH_BASE + points * DENSITY_POINT_BYTES, seconds + _EWALD_SECONDS * atoms**1.5)
