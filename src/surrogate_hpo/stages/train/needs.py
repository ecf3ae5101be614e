"""Bytes and CPU or GPU seconds of a final training."""

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs.basis import TORCH_BASE, Need
from surrogate_hpo.run.needs.networks import bounded, epoch_operations, fit, held_points
from surrogate_hpo.stages.train.needs_readout import (
    COARSENING,
    readout_bytes,
    tangent_bytes,
    tangent_seconds,
)

# A step that differentiates along a displacement, over one that does not.
_TANGENT_PASSES = 3


def train(case: Case) -> Need:
    """One initialisation on all training points: 2 (P_training + P_validation) (C + E).

    Each of several processes holds the data, and has a core.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    Need
        Of one job.
    """
    settings = case.config.train
    training, validation = case.points("training"), case.points("validation")
    batch = min(case.config.search.batch_size)
    operations = epoch_operations(case.network, training, batch)
    held = bounded(held_points(case, training, validation), settings.data_memory_mebibytes)
    if settings.learns_energies:
        # Whole snapshots on grids of half as many points along each axis, with their tangents.
        training //= COARSENING
        operations *= _TANGENT_PASSES / COARSENING
        held += tangent_bytes(case)
    held *= settings.processes
    differentiated = settings.learns_energies * settings.processes
    if settings.readout:  # by one process
        held += readout_bytes(case)
        differentiated += settings.force_weight == 0
    return fit(
        case,
        held + TORCH_BASE * (settings.processes - 1),
        settings.maximum_epochs * operations,
        settings.maximum_epochs * training // batch,
        settings.use_gpu,
        host_seconds=differentiated * tangent_seconds(case),
        threads=settings.processes,
    )
