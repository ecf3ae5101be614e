"""Bytes and CPU seconds of energies and forces in a training: descriptors' derivatives, sums."""

from surrogate_hpo.networks.options import LARGEST_NUMBER_OF_ROWS, number_of_directions
from surrogate_hpo.run.case import FLOAT32, Case
from surrogate_hpo.run.needs.basis import FLOAT64, snap_seconds

# Points of a grid over those of one of half as many along each axis.
COARSENING = 8
# Kernel, its inverse, the system, and work of the solver.
_MATRICES = 5


def _training(case: Case) -> list[tuple[int, int]]:
    """Displacements and points of the coarse grid of each training snapshot."""
    sizes = [case.sizes.get(name, case.size) for name in case.config.snapshots.names("training")]
    coarse = [(size.atoms, size.grid_points // COARSENING) for size in sizes]
    return [(number_of_directions(atoms, points), points) for atoms, points in coarse]


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
