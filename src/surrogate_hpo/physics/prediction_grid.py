"""The grid on which a new cell is predicted: as fine as those that the network was trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError


def good_fft_size(least: int) -> int:
    """Find the first integer from `least` on without prime factors above 5."""
    found: int = next(n for n in count(max(1, least)) if _rest(n) == 1)
    return found


def _rest(number: int) -> int:
    for factor in (2, 3, 5):
        while number % factor == 0:
            number //= factor
    return number


# Å; a cell that differs by less from a multiple of a training cell is one.
_SAME_CELL = 1e-4
# Share of a point by which a length may exceed a whole number of spacings.
_ROUNDING = 1e-6
# Relative; cells of one material at one density, on grids of one cutoff, differ by rounding.
_SAME_VOLUME = 1e-3

Grid = tuple[int, int, int]


@dataclass(frozen=True)
class KnownGrid:
    """A cell of the training data and its grid.

    Attributes
    ----------
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    grid
        Number of grid points along each.
    """

    cell: NDArray[np.float64]
    grid: Grid

    @property
    def volume_per_point(self) -> float:
        """Volume of the cell over the number of its grid points, in Å³."""
        return float(abs(np.linalg.det(self.cell)) / math.prod(self.grid))

    @property
    def spacing(self) -> float:
        """Smallest distance of neighbouring points along a lattice vector, in Å."""
        return float((np.linalg.norm(self.cell, axis=1) / self.grid).min())


def prediction_grid(cell: NDArray[np.float64], known: Sequence[KnownGrid]) -> Grid:
    """Grid for a cell.

    A cell whose vectors are whole multiples of those of a training cell, in whatever order, gets
    the same multiples of its grid: the points then are those of the training cell and its images.
    Any other one gets the smallest spacing of all training cells, or less, along each vector, with
    numbers of points that have no prime factors above 5.

    Parameters
    ----------
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    known
        Cells and grids of the training data.

    Returns
    -------
    tuple of int
        Number of points along each lattice vector.

    Raises
    ------
    DataError
        The cell has no volume.
    """
    lattice = np.asarray(cell, np.float64)
    if not abs(np.linalg.det(lattice)) > 0:
        raise DataError("the cell has no volume", got=str(lattice.tolist()))
    for training in known:
        multiples = lattice @ np.linalg.inv(training.cell)
        whole = np.rint(multiples)
        single = (np.count_nonzero(whole, axis=0) == 1).all()
        single &= (np.count_nonzero(whole, axis=1) == 1).all()
        if single and np.abs(whole @ training.cell - lattice).max() < _SAME_CELL:
            x, y, z = (int(n) for n in np.abs(whole) @ np.array(training.grid))
            return x, y, z
    spacing = min(training.spacing for training in known)
    lengths = np.linalg.norm(lattice, axis=1)
    x, y, z = (good_fft_size(math.ceil(length / spacing - _ROUNDING)) for length in lengths)
    return x, y, z


def grid_spacing(cell: NDArray[np.float64], grid: Grid) -> float:
    """Largest distance of neighbouring points along a lattice vector, in Å."""
    return float((np.linalg.norm(cell, axis=1) / grid).max())


ONE_VOLUME = (
    "the cells of the training all have the same volume per grid point: the networks have seen "
    "no change of volume, so that the pressure means nothing, and the rest of the stress little"
)
"""What follows for the stress where cells are `of_one_volume`."""


def of_one_volume(known: Sequence[KnownGrid]) -> bool:
    """Whether all cells have the same volume per grid point.

    Parameters
    ----------
    known
        Cells and grids of the training data, at least one.

    Returns
    -------
    bool
        False if two of them differ by more than a thousandth.
    """
    volumes = [one.volume_per_point for one in known]
    return max(volumes) <= min(volumes) * (1 + _SAME_VOLUME)
