"""Bytes and CPU or GPU seconds of the jobs after the trainings: surrogate, energies, report.

Made as those of `surrogate_hpo.run.needs.training`.
"""

from collections.abc import Sequence

from surrogate_hpo.config.splits import SPLITS
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    FLOAT64,
    MEBIBYTE,
    NUMBA_BASE,
    TORCH_BASE,
    Need,
    snap_seconds,
)
from surrogate_hpo.run.needs.training import (
    DOUBLE_RATE,
    READING_RATE,
    STARTUP_SECONDS,
    TRAINING_WORK,
    network_job,
    parameters,
)

# Integrals of the density per grid point: measured with PBE and a core density, which takes most.
ENERGY_BYTES = 20 * FLOAT64
REPORT_SECONDS = 30.0
# The control's descriptors at an atom and their derivatives, and of how many atoms they are made.
CONTROL_SECONDS_PER_ATOM = 0.06
CONTROL_ATOMS = 1024
# Grid points that a prediction holds at a time.
_BLOCK_POINTS = 16384


def surrogate(case: Case) -> Need:
    """The training descriptors, read three times, and predictions of the validation snapshots.

    The former are taken to float64 in slabs; the latter need as much as those of `transfer`.
    """
    values = case.points("training") * case.components
    seconds = 2.0 * values * case.components / DOUBLE_RATE + 3 * FLOAT32 * values / READING_RATE
    names = case.config.snapshots.names("validation")
    found = _predictions(case, [case.sizes.get(name, case.size).grid_points for name in names])
    memory = max(TORCH_BASE + TRAINING_WORK, found.memory_bytes)
    return Need(memory, STARTUP_SECONDS + seconds + found.cpu_seconds)


def evaluate_snapshot(case: Case, *, snapshots: int = 1) -> Need:
    """Predictions of all networks for held-out snapshots, and their integrals.

    Memory per grid point: descriptors and LDOS of a snapshot, those of the one before if there
    is one; two predictions, this one and the one before; and 20 real numbers of the density's
    integrals. Time: the network and both scalings, whose matrices are full.

    Parameters
    ----------
    case
        The case.
    snapshots
        How many, one after the other.

    Returns
    -------
    Need
        Of one job.
    """
    settings, networks = case.config.evaluate, case.config.train.seeds
    read = min(snapshots, 2) * case.point_bytes
    per_point = read + 2 * FLOAT32 * case.energies + ENERGY_BYTES
    points = snapshots * case.grid_points
    operations = 2.0 * parameters(case.network) * points * networks
    seconds = prediction_seconds(case, points * networks)
    seconds += integral_seconds(case, points * (1 + networks))
    held = case.grid_points * per_point
    return network_job(held, operations, 0, settings.use_gpu, host_seconds=seconds)


def floor(case: Case) -> Need:
    """The LDOS of all snapshots, one after the other, and their integrals."""
    memory = case.grid_points * (2 * FLOAT32 * case.energies + ENERGY_BYTES)
    points = sum(case.points(split) for split in SPLITS)
    return Need(TORCH_BASE + memory, STARTUP_SECONDS + integral_seconds(case, points))


def prediction_seconds(case: Case, points: int) -> float:
    """Seconds of one core for the scalings of predicted points, whose matrices are full."""
    return 2.0 * (case.components**2 + case.energies**2) * points / DOUBLE_RATE


def integral_seconds(case: Case, points: int) -> float:
    """Seconds of one core to integrate the LDOS of so many points to energies."""
    return points * (1000 + 4 * case.energies) / DOUBLE_RATE


def evaluate(case: Case) -> Need:
    """Tables from the snapshots' energies, and a potential at the atoms, of which there are few."""
    names = case.config.snapshots.names("training")
    atoms = min(sum(case.sizes.get(name, case.size).atoms for name in names), CONTROL_ATOMS)
    return Need(NUMBA_BASE, 2 * STARTUP_SECONDS + CONTROL_SECONDS_PER_ATOM * atoms)


def transfer(case: Case) -> Need:
    """Predictions of structures beyond the run, one after the other."""
    return _predictions(case, [size.grid_points for size in case.transfers])


def _predictions(case: Case, sizes: Sequence[int]) -> Need:
    """Predictions of structures with so many grid points, one after the other.

    Memory is that of `surrogate-hpo predict`: a few real arrays on the grid of the largest
    structure; the LDOS is on disk. Time: descriptors, networks and integrals of all points.
    """
    points, networks = sum(sizes), case.config.train.seeds
    operations = 2.0 * parameters(case.network) * points * networks
    seconds = prediction_seconds(case, points * networks)
    seconds += integral_seconds(case, points * networks)
    seconds += points * snap_seconds(case, "native")
    held = max(sizes, default=0) * ENERGY_BYTES + _BLOCK_POINTS * case.point_bytes
    return network_job(held, operations, 0, False, host_seconds=seconds)


def report(_: Case) -> Need:
    """Figures from tables."""
    return Need(TORCH_BASE + 100 * MEBIBYTE, REPORT_SECONDS)
