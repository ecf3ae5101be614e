"""Space shared among the atoms of a periodic cell, and the density of states of each of them."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.validation import checked_vectors
from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.atom_shares import Shares

FloatArray = NDArray[np.float64]
BLOCK_POINTS = 4096


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
    shares = Shares(positions, cell, width)
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
        self._shares = Shares(positions, cell, width)
        self._shape, self._block = shape, block_points
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
            self._shares.add(points, self._bins, part.astype(np.float64), found)
        return found

    def _blocks(self, begin: int, end: int) -> Iterator[tuple[int, FloatArray]]:
        for first in range(begin, end, self._block):
            indices = np.arange(first, min(first + self._block, end))
            yield first, grid_points(self._shape, self._shares.cell, indices=indices)
