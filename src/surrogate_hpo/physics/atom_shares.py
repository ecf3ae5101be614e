"""Shares of atoms in points of space: normalised Gaussians of the images around each point."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.lanes import compiled, inlined
from surrogate_hpo.descriptors.neighbours import NeighbourBins, neighbour_bins
from surrogate_hpo.descriptors.validation import checked_cell, checked_vectors
from surrogate_hpo.errors import ConfigError, DataError

FloatArray = NDArray[np.float64]
# An image is left out where its Gaussian is this much below that of the nearest atom.
_NEGLIGIBLE = 1e-13
# More images than this around a point are a slip of a unit, and would take hours.
_MOST_IMAGES = 100_000


class Shares:
    """Checked atoms, and the images of them that count at some points.

    Parameters
    ----------
    positions
        Å, [N, 3].
    cell
        Å, [3, 3].
    width
        The standard deviation of the Gaussians, Å.

    Raises
    ------
    ConfigError
        If the width makes no sense.
    DataError
        If the atoms do not.
    """

    def __init__(self, positions: ArrayLike, cell: ArrayLike, width: float) -> None:
        self.cell, self._positions = checked_cell(cell), checked_vectors("positions", positions)
        self._width = width
        if not (math.isfinite(width) and width > 0):
            raise ConfigError(
                "the width of the atoms' weights is not a positive length",
                where="width",
                expected="a number above 0, in Å; 1.3 is usual",
                got=repr(width),
            )
        if not self.atoms:
            raise DataError(
                "there is no atom to share space among",
                where="positions",
                expected="one atom or more",
                got="none",
            )

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return len(self._positions)

    def farthest(self, points: FloatArray) -> float:
        """Largest distance of a point from its nearest atom, Å."""
        reach = 2 * np.cbrt(abs(np.linalg.det(self.cell)) / self.atoms)
        while not (distance := float(_farthest(points, self._bins(reach)))) <= reach:
            reach *= 2
        return distance

    def bins(self, points: FloatArray) -> NeighbourBins:
        """All images that count at some points."""
        return self.reaching(self.farthest(points) if len(points) else 0.0)

    def reaching(self, farthest: float) -> NeighbourBins:
        """All images that count at points that are no farther from their nearest atom."""
        relative = -2 * self._width**2 * math.log(_NEGLIGIBLE)
        return self._bins(math.sqrt(farthest**2 + relative))

    def at(self, points: FloatArray, bins: NeighbourBins) -> FloatArray:
        """The weights of all atoms at some points, [P, N]."""
        weights = np.zeros((len(points), self.atoms))
        _fill(points, bins, 0.5 / self._width**2, weights)
        return weights

    def add(
        self, points: FloatArray, bins: NeighbourBins, rows: FloatArray, found: FloatArray
    ) -> None:
        """Add the shares of fields at some points, [P, fields], to those found, [N, fields]."""
        _share(points, bins, 0.5 / self._width**2, rows, found)

    def _bins(self, reach: float) -> NeighbourBins:
        volume = abs(float(np.linalg.det(self.cell)))
        images = 4 / 3 * math.pi * reach**3 * self.atoms / volume
        if images > _MOST_IMAGES:
            raise ConfigError(
                "the width of the atoms' weights is beyond reason for this cell",
                where="width",
                expected=f"at most {_MOST_IMAGES} images of atoms around a point",
                got=f"about {images:.3g} at {self._width:g} Å",
                remedy="1.3 Å is usual; check that cell, positions and width are all in Å",
            )
        return neighbour_bins(self._positions, self.cell, cutoff_radius=reach)


@inlined
def _bin_of(points: FloatArray, p: int, bins: NeighbourBins, home: FloatArray) -> int:
    """Number of the bin of a point, and the point itself moved into the cell."""
    target = 0
    for c in range(3):
        home[c] = points[p, c]
    for k in range(3):
        scaled = 0.0
        for c in range(3):
            scaled += points[p, c] * bins.inverse[c, k]
        turns = np.floor(scaled)
        for c in range(3):
            home[c] -= turns * bins.cell[k, c]
        index = min(int((scaled - turns) * bins.shape[k]), bins.shape[k] - 1)
        target = target * bins.shape[k] + index
    return target


@inlined
def _squared(home: FloatArray, bins: NeighbourBins, candidate: int) -> float:
    squared = 0.0
    for c in range(3):
        squared += (home[c] - bins.positions[candidate, c]) ** 2
    return squared


@inlined
def _nearest(home: FloatArray, bins: NeighbourBins, target: int) -> float:
    """Squared distance of the nearest candidate of a bin; inf where there is none."""
    nearest = np.inf
    for candidate in range(bins.start[target], bins.start[target + 1]):
        nearest = min(nearest, _squared(home, bins, candidate))
    return nearest


@compiled
def _farthest(points: FloatArray, bins: NeighbourBins) -> float:
    """Largest distance of a point from its nearest candidate; inf where there is none."""
    largest = 0.0
    home = np.empty(3)
    for p in range(len(points)):
        target = _bin_of(points, p, bins, home)
        largest = max(largest, _nearest(home, bins, target))
    return float(np.sqrt(largest))


@compiled
def _fill(points: FloatArray, bins: NeighbourBins, exponent: float, weights: FloatArray) -> None:
    """Add up the images of each atom, relative to the nearest one, and normalise."""
    home = np.empty(3)
    for p in range(len(points)):
        target = _bin_of(points, p, bins, home)
        nearest = _nearest(home, bins, target)
        total = 0.0
        for candidate in range(bins.start[target], bins.start[target + 1]):
            value = np.exp(exponent * (nearest - _squared(home, bins, candidate)))
            weights[p, bins.atoms[candidate]] += value
            total += value
        for atom in range(weights.shape[1]):
            weights[p, atom] /= total


@compiled
def _share(
    points: FloatArray,
    bins: NeighbourBins,
    exponent: float,
    rows: FloatArray,
    found: FloatArray,
) -> None:
    """Add the fields of each point to the atoms around it, as of `_fill`."""
    home = np.empty(3)
    weight, near = np.zeros(len(found)), np.empty(len(found), np.int64)
    for p in range(len(points)):
        target = _bin_of(points, p, bins, home)
        nearest = _nearest(home, bins, target)
        total, count = 0.0, 0
        for candidate in range(bins.start[target], bins.start[target + 1]):
            value = np.exp(exponent * (nearest - _squared(home, bins, candidate)))
            atom = bins.atoms[candidate]
            if value > 0.0:
                if weight[atom] == 0.0:
                    near[count] = atom
                    count += 1
                weight[atom] += value
                total += value
        for k in range(count):
            atom = near[k]
            share = weight[atom] / total
            weight[atom] = 0.0
            for field in range(rows.shape[1]):
                found[atom, field] += share * rows[p, field]
