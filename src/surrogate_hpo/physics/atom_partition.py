"""Space shared among the atoms of a periodic cell, and the density of states of each of them."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.lanes import compiled, inlined
from surrogate_hpo.descriptors.neighbours import NeighbourBins, neighbour_bins
from surrogate_hpo.descriptors.validation import checked_cell, checked_vectors
from surrogate_hpo.errors import ConfigError, DataError

FloatArray = NDArray[np.float64]
BLOCK_POINTS = 4096
# An image is left out where its Gaussian is this much below that of the nearest atom.
_NEGLIGIBLE = 1e-13
# More images than this around a point are a slip of a unit, and would take hours.
_MOST_IMAGES = 100_000


def atom_weights(
    points: ArrayLike, positions: ArrayLike, cell: ArrayLike, *, width: float
) -> FloatArray:
    r"""Share of each atom in each point of space: a partition of unity.

    .. math::
        w_i(\mathbf r) = \frac{\sum_{\mathbf L} g(\mathbf r - \mathbf R_i - \mathbf L)}
        {\sum_j \sum_{\mathbf L} g(\mathbf r - \mathbf R_j - \mathbf L)}, \qquad
        g(\mathbf d) = e^{-|\mathbf d|^2 / 2\sigma^2}

    with the sums over all lattice vectors L. The narrower the Gaussians, the closer it comes to
    the Voronoi cells of the atoms; no sum underflows on the way.

    Parameters
    ----------
    points
        Cartesian coordinates, Å, [P, 3].
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; periodic in all three.
    width
        The standard deviation σ, Å.

    Returns
    -------
    array [P, N]
        Dimensionless, between 0 and 1; the sum of each row is 1 to rounding.

    Raises
    ------
    ConfigError
        If the width is not a positive length, or reaches more than 100 000 images.
    DataError
        If an array has the wrong shape or holds NaN, there is no atom, two are at the same place,
        or the cell has no volume.
    """
    where = checked_vectors("points", points)
    shares = _Shares(positions, cell, width)
    return shares.at(where, shares.bins(where))


def atom_dos(
    ldos: NDArray[np.floating],
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    width: float,
    block_points: int = BLOCK_POINTS,
) -> FloatArray:
    r"""Density of states of each atom (ADOS) of an LDOS on the grid of its cell.

    .. math::
        D_i(\epsilon) = \Delta V \sum_{\mathbf r} w_i(\mathbf r)\, d(\epsilon, \mathbf r), \qquad
        \sum_i D_i(\epsilon) = D(\epsilon)

    with the weights of `atom_weights`: the sum over the atoms is the density of states of the
    cell, to rounding, whatever the width.

    Parameters
    ----------
    ldos
        1/(eV Å³), [x, y, z, E], any floating-point precision.
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    width
        The standard deviation σ of the weights, Å.
    block_points
        Grid points whose weights are in memory at a time.

    Returns
    -------
    array [N, E]
        1/eV, summed in float64.

    Raises
    ------
    ConfigError
        If the width is not a positive length, or reaches more than 100 000 images.
    DataError
        If the LDOS is not on a grid or not finite, or for positions and cells as of
        `atom_weights`.
    """
    if ldos.ndim != 4 or ldos.size == 0:
        raise DataError(
            "the LDOS is not on a grid", expected="[x, y, z, E]", got=f"shape {list(ldos.shape)}"
        )
    shape = (ldos.shape[0], ldos.shape[1], ldos.shape[2])
    sums = AtomSums(shape, positions, cell, width=width, block_points=block_points)
    found = sums(ldos.reshape(-1, ldos.shape[-1]))
    if not np.isfinite(found).all():
        raise DataError("the LDOS holds values that are not finite", expected="finite numbers")
    return found * sums.volume_element


class AtomSums:
    r"""Sums of fields over a grid, shared among atoms: :math:`\sum_r w_i(r) f(r)`.

    Only the atoms near a point are looked at: the cost grows as the number of points.

    Parameters
    ----------
    shape
        Number of grid points along each cell vector.
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    width
        The standard deviation σ of the weights of `atom_weights`, Å.
    block_points
        Grid points at a time.

    Raises
    ------
    ConfigError
        As of `atom_weights`.
    DataError
        As of `atom_weights`.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        positions: ArrayLike,
        cell: ArrayLike,
        *,
        width: float,
        block_points: int = BLOCK_POINTS,
    ) -> None:
        self._shares = _Shares(positions, cell, width)
        self._shape, self._block, self._exponent = shape, block_points, 0.5 / width**2
        points = math.prod(shape)
        self.volume_element = abs(float(np.linalg.det(self._shares.cell))) / points
        # All blocks share one list of neighbours: that of the point that is farthest from any atom.
        farthest = max(self._shares.farthest(block) for _, block in self._blocks(0, points))
        self._bins = self._shares.reaching(farthest)

    def __call__(self, rows: NDArray[np.floating], first: int = 0) -> FloatArray:
        """Sum up some points.

        Parameters
        ----------
        rows
            Fields at points that follow each other on the grid, z fastest, [points, fields].
        first
            Number of the first of them.

        Returns
        -------
        array [N, fields]
            In the fields' unit, float64.
        """
        found = np.zeros((self._shares.atoms, rows.shape[1]))
        for begin, points in self._blocks(first, first + len(rows)):
            part = rows[begin - first : begin - first + len(points)]
            _share(points, self._bins, self._exponent, part.astype(np.float64), found)
        return found

    def _blocks(self, begin: int, end: int) -> Iterator[tuple[int, FloatArray]]:
        for first in range(begin, end, self._block):
            indices = np.arange(first, min(first + self._block, end))
            yield first, grid_points(self._shape, self._shares.cell, indices=indices)


class _Shares:
    """Checked atoms, and the images of them that count at some points."""

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


@compiled
def _farthest(points: FloatArray, bins: NeighbourBins) -> float:
    """Largest distance of a point from its nearest candidate; inf where there is none."""
    largest = 0.0
    home = np.empty(3)
    for p in range(len(points)):
        target = _bin_of(points, p, bins, home)
        nearest = np.inf
        for candidate in range(bins.start[target], bins.start[target + 1]):
            nearest = min(nearest, _squared(home, bins, candidate))
        largest = max(largest, nearest)
    return float(np.sqrt(largest))


@compiled
def _fill(points: FloatArray, bins: NeighbourBins, exponent: float, weights: FloatArray) -> None:
    """Add up the images of each atom, relative to the nearest one, and normalise."""
    home = np.empty(3)
    for p in range(len(points)):
        target = _bin_of(points, p, bins, home)
        nearest = np.inf
        for candidate in range(bins.start[target], bins.start[target + 1]):
            nearest = min(nearest, _squared(home, bins, candidate))
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
        nearest = np.inf
        for candidate in range(bins.start[target], bins.start[target + 1]):
            nearest = min(nearest, _squared(home, bins, candidate))
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
