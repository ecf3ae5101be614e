"""Bytes and CPU or GPU seconds of the jobs that predict a large cell together."""

import math

from surrogate_hpo.data.memory import (
    DENSITY_POINT_BYTES,
    EXPANSION_POINT_BYTES,
    GRADIENT_POINT_BYTES,
    SLAB_POINT_BYTES,
)
from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import FLOAT64, STARTUP_SECONDS, TORCH_BASE, Need, snap_seconds
from surrogate_hpo.run.needs.networks import READING_RATE, network_job, parameters
from surrogate_hpo.run.needs.predictions import (
    BLOCK_POINTS,
    activation_bytes,
    adjoint_seconds,
    integral_seconds,
    prediction_seconds,
)

# Share of the points on the coarse grids.
_COARSE = 0.02
# The sum over pairs of ions grows with the power 1.5 of their number.
_EWALD_SECONDS = 5e-6


def _points(case: Case) -> int:
    return case.grid_points if case.large is None else case.large.grid_points


def _atoms(case: Case) -> int:
    return case.size.atoms if case.large is None else case.large.atoms


def _gathering_seconds(case: Case) -> float:
    """Seconds of one core to read all slabs, and for what the ions have among themselves."""
    read = _points(case) * case.config.train.seeds * SLAB_POINT_BYTES
    ions = _EWALD_SECONDS * math.pow(_atoms(case), 1.5)
    return STARTUP_SECONDS + read / READING_RATE + ions


def _networks(case: Case, points: float, held: float, *, passes: int = 1, more: float = 0) -> Need:
    """Descriptors and networks at so many points; there and back are three passes."""
    settings, networks = case.config.predict_large, case.config.train.seeds
    operations = 2.0 * passes * parameters(case.network) * points * networks
    seconds = prediction_seconds(case, math.ceil(points) * networks)
    seconds += points * snap_seconds(case, settings.engine) + more
    block = BLOCK_POINTS * (2 * case.point_bytes + FLOAT64 * case.energies)
    return network_job(held + block, operations, 0, settings.use_gpu, host_seconds=seconds)


def predict_large_bracket(case: Case) -> Need:
    """Coarse grids of the whole cell."""
    return _networks(case, _COARSE * _points(case), 0.0)


def predict_large_slab(case: Case) -> Need:
    """The points of a slab, and what is kept of each: in memory, and once more while written."""
    points = _points(case) / case.config.predict_large.slabs
    return _networks(case, points, 2 * points * EXPANSION_POINT_BYTES * case.config.train.seeds)


def predict_large_gradient(case: Case) -> Need:
    """Derivatives of the density's energies of one network after the other, and all fields."""
    points, networks = _points(case), case.config.train.seeds
    seconds = 4 * integral_seconds(case, points * networks) + _gathering_seconds(case)
    return Need(TORCH_BASE + points * (GRADIENT_POINT_BYTES + FLOAT64 * networks), seconds)


def predict_large_pull(case: Case) -> Need:
    """The networks there and back at the points of a slab, and the adjoint of the descriptors.

    Held are the fields of the slab, the activations of a block, and derivatives of all atoms: the
    sum, and those that are added to it.
    """
    points, networks = _points(case) / case.config.predict_large.slabs, case.config.train.seeds
    held = FLOAT64 * networks * (points + 6 * _atoms(case))
    held += BLOCK_POINTS * activation_bytes(case)
    more = points * adjoint_seconds(case)
    return _networks(case, points, held, passes=3, more=more)


def predict_large(case: Case) -> Need:
    """The density of one network after the other, with its transforms; the sums of the slabs."""
    points, networks = _points(case), case.config.train.seeds
    seconds = integral_seconds(case, points * networks) + _gathering_seconds(case)
    return Need(TORCH_BASE + points * DENSITY_POINT_BYTES, seconds)
