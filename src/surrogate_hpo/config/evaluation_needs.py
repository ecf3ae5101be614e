"""Bytes and CPU or GPU seconds of the jobs after the trainings: surrogate, energies, report.

Made as those of `surrogate_hpo.config.training_needs`.
"""

from surrogate_hpo.config.case import FLOAT32, Case
from surrogate_hpo.config.needs import FLOAT64, MEBIBYTE, NUMBA_BASE, TORCH_BASE, Need
from surrogate_hpo.config.splits import SPLITS
from surrogate_hpo.config.training_needs import (
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


def surrogate(case: Case) -> Need:
    """The training descriptors, gone through three times in slabs that are taken to float64."""
    values = case.points("training") * case.components
    seconds = 2.0 * values * case.components / DOUBLE_RATE + 3 * FLOAT32 * values / READING_RATE
    return Need(TORCH_BASE + TRAINING_WORK, STARTUP_SECONDS + seconds)


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


def evaluate(_: Case) -> Need:
    """Tables from the snapshots' energies, and a potential at the atoms, of which there are few."""
    return Need(NUMBA_BASE, 2 * STARTUP_SECONDS)


def report(_: Case) -> Need:
    """Figures from tables."""
    return Need(TORCH_BASE + 100 * MEBIBYTE, REPORT_SECONDS)
