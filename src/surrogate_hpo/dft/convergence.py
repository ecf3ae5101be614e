"""How far calculations are converged where a config leaves it open: k points, self-consistency."""

import math

import numpy as np
from numpy.typing import NDArray

# Rounding of a cell must not add a point: a spacing that fits exactly is meant to.
_SLACK = 1e-6


def kpoint_mesh(cell: NDArray[np.float64], spacing: float) -> tuple[int, int, int]:
    r"""Monkhorst-Pack mesh whose points are at most a spacing apart along each axis.

    .. math::
        n_i = \lceil |b_i| / \Delta k \rceil, \qquad b_i \cdot a_j = 2\pi\delta_{ij}

    Parameters
    ----------
    cell
        Lattice vectors as rows, Å, shape (3, 3).
    spacing
        Largest distance of neighbouring points in 1/Å, 2 pi included.

    Returns
    -------
    tuple of int
        Points along each reciprocal vector, at least one.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    first, second, third = (
        max(1, math.ceil(float(np.linalg.norm(vector)) / spacing - _SLACK)) for vector in reciprocal
    )
    return first, second, third


_RYDBERG_PER_ATOM = 2.5e-10


def default_threshold(atoms: int) -> float:
    """Threshold of Quantum ESPRESSO's estimate of the error, which it sums over the cell.

    The error of the sum of energy terms goes with the square root of the threshold per atom: it
    was 1 meV/atom of aluminium at 2.5e-6 Ry per atom, so it is 0.01 here, whatever the size.

    Parameters
    ----------
    atoms
        Number of atoms.

    Returns
    -------
    float
        2.5e-10 per atom, in Ry.
    """
    return _RYDBERG_PER_ATOM * atoms
