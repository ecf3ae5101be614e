"""Bytes and CPU or GPU seconds of predictions and of the integrals of an LDOS."""

from collections.abc import Sequence

from surrogate_hpo.data.memory import DENSITY_POINT_BYTES, GRADIENT_POINT_BYTES
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    FLOAT64,
    Need,
    snap_seconds,
)
from surrogate_hpo.run.needs.networks import (
    DOUBLE_RATE,
    network_job,
    parameters,
)

ENERGY_BYTES = DENSITY_POINT_BYTES
# Grid points that a prediction holds at a time.
BLOCK_POINTS = 16384
# The adjoint of SNAP against SNAP, measured: 55 and 12 µs per point at 2 J_max = 10 and 5.5 Å.
# Each further network adds less than the first: four cost 1.7 times as much as one.
_ADJOINT, _FURTHER_NETWORK = 4.8, 0.23


def prediction_seconds(case: Case, points: int) -> float:
    """Seconds of one core for the scalings of predicted points, whose matrices are full."""
    return 2.0 * (case.components**2 + case.energies**2) * points / DOUBLE_RATE


def integral_seconds(case: Case, points: int) -> float:
    """Seconds of one core to integrate the LDOS of so many points to energies."""
    return points * (1000 + 4 * case.energies) / DOUBLE_RATE


def force_seconds(case: Case) -> float:
    """Seconds of one core for the derivatives of all networks at a grid point."""
    return adjoint_seconds(case) + 4 * case.config.train.seeds * integral_seconds(case, 1)


def adjoint_seconds(case: Case) -> float:
    """Seconds of one core for the adjoint of the descriptors of all networks at a grid point."""
    further = _FURTHER_NETWORK * (case.config.train.seeds - 1)
    return _ADJOINT * snap_seconds(case, "native") * (1 + further)


def force_bytes(case: Case, points: int) -> int:
    """Bytes of the derivatives of all networks, and of the activations of a block of points."""
    held = points * (GRADIENT_POINT_BYTES + FLOAT64 * case.config.train.seeds)
    return held + min(points, BLOCK_POINTS) * activation_bytes(case)


def activation_bytes(case: Case) -> int:
    """Bytes per point of a block while networks and descriptors are differentiated."""
    return 3 * FLOAT32 * sum(case.network) + FLOAT64 * case.config.train.seeds * case.components


def predictions(case: Case, sizes: Sequence[int], with_forces: Sequence[int] = ()) -> Need:
    """Predictions of structures one after the other.

    Memory is that of `surrogate-hpo predict`: a few real arrays on the grid of the largest
    structure. Time: descriptors, networks and integrals of all points; for
    the forces the networks again, there and back, and the adjoint of the descriptors.

    Parameters
    ----------
    case
        The case.
    sizes
        Grid points of each structure.
    with_forces
        Grid points of those among them that have forces.

    Returns
    -------
    Need
        Of one job.
    """
    points, networks = sum(sizes), case.config.train.seeds
    operations = 2.0 * parameters(case.network) * (points + 2 * sum(with_forces)) * networks
    seconds = prediction_seconds(case, points * networks)
    seconds += integral_seconds(case, points * networks)
    seconds += points * snap_seconds(case, "native")
    held = max(sizes, default=0) * ENERGY_BYTES
    if with_forces:
        seconds += sum(with_forces) * force_seconds(case)
        held = max(held, force_bytes(case, max(with_forces)))
    held += BLOCK_POINTS * case.point_bytes
    return network_job(held, operations, 0, False, host_seconds=seconds)
