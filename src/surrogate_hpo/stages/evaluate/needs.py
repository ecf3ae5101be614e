"""Bytes and CPU or GPU seconds of energies and forces of held-out snapshots."""

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
from surrogate_hpo.run.needs.predictions import (
    ENERGY_BYTES,
    force_bytes,
    force_seconds,
    integral_seconds,
    prediction_seconds,
)

# The control's descriptors at an atom and their derivatives, and of how many atoms they are made.
CONTROL_SECONDS_PER_ATOM = 0.06


CONTROL_ATOMS = 1024


def evaluate(case: Case) -> Need:
    """Tables from the snapshots' energies, and a potential at the atoms, of which there are few."""
    names = case.config.names("training")
    atoms = min(sum(case.sizes.get(name, case.size).atoms for name in names), CONTROL_ATOMS)
    return Need(NUMBA_BASE, 2 * TORCH_STARTUP_SECONDS + CONTROL_SECONDS_PER_ATOM * atoms)


def evaluate_snapshot(case: Case) -> Need:
    """Energies of one held-out snapshot, and forces if they are judged."""
    return _held_out(case, 1, forces=case.config.evaluate.forces)


def held_out_energies(case: Case, *, snapshots: int) -> Need:
    """Energies of held-out snapshots, one after the other.

    Parameters
    ----------
    case
        The case.
    snapshots
        How many.

    Returns
    -------
    Need
        Of one job.
    """
    return _held_out(case, snapshots, forces=False)


def _held_out(case: Case, snapshots: int, *, forces: bool) -> Need:
    """Predictions of all networks for held-out snapshots, their integrals and their derivatives.

    Memory per grid point: descriptors and LDOS of a snapshot, those of the one before if there
    is one; two predictions, this one and the one before; and 20 real numbers of the density's
    integrals, or 52 of their derivatives and one per network. Time: the network and both
    scalings, whose matrices are full; for the forces the network again, there and back, and the
    adjoint of the descriptors.
    """
    settings, networks = case.config.evaluate, case.config.train.seeds
    read = min(snapshots, 2) * case.point_bytes
    per_point = read + 2 * FLOAT32 * case.energies + (0 if forces else ENERGY_BYTES)
    points = snapshots * case.grid_points
    operations = 2.0 * parameters(case.network) * points * networks
    seconds = prediction_seconds(case, points * networks)
    seconds += integral_seconds(case, points * (1 + networks))
    held = case.grid_points * per_point
    if forces:
        operations *= 3
        seconds += points * force_seconds(case)
        held += force_bytes(case, case.grid_points)
    return network_job(held, operations, 0, settings.use_gpu, host_seconds=seconds)
