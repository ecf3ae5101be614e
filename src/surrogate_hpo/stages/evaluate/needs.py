"""Bytes and CPU or GPU seconds of the energies of held-out snapshots."""

from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import (
    NUMBA_BASE,
    Need,
)
from surrogate_hpo.run.needs.networks import (
    TORCH_STARTUP_SECONDS,
    network_job,
    parameters,
)
from surrogate_hpo.run.needs.predictions import ENERGY_BYTES, integral_seconds, prediction_seconds

# The control's descriptors at an atom and their derivatives, and of how many atoms they are made.
CONTROL_SECONDS_PER_ATOM = 0.06


CONTROL_ATOMS = 1024


def evaluate(case: Case) -> Need:
    """Tables from the snapshots' energies, and a potential at the atoms, of which there are few."""
    names = case.config.snapshots.names("training")
    atoms = min(sum(case.sizes.get(name, case.size).atoms for name in names), CONTROL_ATOMS)
    return Need(NUMBA_BASE, 2 * TORCH_STARTUP_SECONDS + CONTROL_SECONDS_PER_ATOM * atoms)


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
