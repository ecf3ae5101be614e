"""Bytes and CPU or GPU seconds of a final training, of energies and forces in it, too."""

from surrogate_hpo.networks.options import (
    LARGEST_NUMBER_OF_ROWS,
    number_of_directions,
)
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import FLOAT64, TORCH_BASE, Need, snap_seconds
from surrogate_hpo.run.needs.networks import (
    bounded,
    epoch_operations,
    fit,
    parameters,
    points_in_memory,
)
from surrogate_hpo.run.needs.predictions import force_seconds, prediction_seconds

# Points of a grid over those of one of half as many along each axis.
COARSENING = 8
# Kernel, its inverse, the system, and work of the solver.
_MATRICES = 5


def _training(case: Case) -> list[tuple[int, int]]:
    """Displacements, strains and points of the coarse grid of each training snapshot."""
    sizes = [case.sizes.get(name, case.size) for name in case.config.names("training")]
    coarse = [(size.atoms, size.grid_points // COARSENING) for size in sizes]
    strains = case.config.train.strains
    return [(strains + number_of_directions(atoms, points), points) for atoms, points in coarse]


def tangent_bytes(case: Case) -> float:
    """Derivatives of the descriptors of all training snapshots, for the loss of each step."""
    values = sum(directions * points for directions, points in _training(case))
    return FLOAT32 * case.components * values


def readout_bytes(case: Case) -> float:
    """Of one snapshot all hidden units, twice; a matrix of all energies and forces.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    float
        At the worst moment, beside the data of the training.
    """
    training = _training(case)
    units = max(case.network[1:-1], default=case.components)
    values = 3 * units + 4 * case.components + 2 * case.energies
    at_once = FLOAT32 * values * max(points for _, points in training)
    rows = min(LARGEST_NUMBER_OF_ROWS, sum(1 + directions for directions, _ in training))
    return at_once + _MATRICES * FLOAT64 * rows**2


def tangent_seconds(case: Case) -> float:
    """Two descriptors for each displacement and point."""
    passes = 2 * sum(directions * points for directions, points in _training(case))
    return passes * snap_seconds(case, "native")


def steps_seconds(case: Case) -> float:
    """Predictions of the last layer's fit: whole grids, with forces.

    Parameters
    ----------
    case
        The case.

    Returns
    -------
    float
        Of one core; a training without forces has not kept the derivatives of the descriptors.
    """
    points = case.points("training")
    whole = prediction_seconds(case, points) + points * force_seconds(case)
    again = tangent_seconds(case) * (case.config.train.force_weight == 0)
    return _FITS * (whole + again)


def steps_operations(case: Case) -> float:
    """Operations of the last layer's fit: hidden units along all directions, there and back."""
    along = sum(directions * points for directions, points in _training(case))
    return _FITS * 4.0 * parameters(case.network) * along


# A step that differentiates along a displacement, over one that does not.
_TANGENT_PASSES = 3
# Of the last layer: near the reference, as it is, and steps with the last one's errors.
_FITS = 5


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
    held = bounded(points_in_memory(case, training, validation), settings.data_memory_mebibytes)
    if settings.learns_energies:
        # Whole snapshots on grids of half as many points along each axis, with their tangents.
        training //= COARSENING
        operations *= _TANGENT_PASSES / COARSENING
        held += tangent_bytes(case)
    held *= settings.processes
    differentiated = settings.learns_energies * settings.processes
    fitted, more = 0.0, 0.0
    if settings.readout:  # by one process
        held += readout_bytes(case)
        differentiated += settings.force_weight == 0
        fitted, more = steps_seconds(case), steps_operations(case)
    return fit(
        case,
        held + TORCH_BASE * (settings.processes - 1),
        settings.maximum_epochs * operations + more,
        settings.maximum_epochs * training // batch,
        settings.use_gpu,
        host_seconds=differentiated * tangent_seconds(case) + fitted,
        threads=settings.processes,
    )
