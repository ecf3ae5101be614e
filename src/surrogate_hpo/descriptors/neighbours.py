"""Periodic neighbour search: candidate atoms for every bin of the cell.

The cell is cut into bins that are parallelepipeds of about half a cutoff radius. For
each bin, all periodic images of atoms that can lie within the cutoff of *some* point of
the bin are listed once. A point then only looks at the list of its own bin: the cost per
point does not depend on the number of atoms, and the longest list bounds the number of
neighbours exactly, so that no buffer can overflow.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.lanes import compiled
from surrogate_hpo.errors import DataError

_BINS_PER_CUTOFF = 2
_MAX_BINS_PER_ATOM = 64
# Images are kept up to this much (relative) beyond the cutoff, so that rounding in the
# bin geometry cannot lose a neighbour; the exact test is made per point.
_SLACK = 1e-9
# Å; far below any distance of a real structure, so that only slips are caught.
_COINCIDENCE = 0.01


class NeighbourBins(NamedTuple):
    """Candidate neighbours of every bin of a periodic cell.

    Attributes
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    inverse
        Inverse of `cell`: Cartesian row vectors times it are fractional, 1/Å.
    shape
        Number of bins along each cell vector, [3].
    start
        Candidates of bin b are ``start[b]:start[b + 1]``, [bins + 1].
    positions
        Cartesian positions of the candidates' images, Å, [candidates, 3].
    atoms
        Index of the atom behind each candidate, [candidates].
    """

    cell: NDArray[np.float64]
    inverse: NDArray[np.float64]
    shape: NDArray[np.int64]
    start: NDArray[np.int64]
    positions: NDArray[np.float64]
    atoms: NDArray[np.int64]

    @property
    def max_candidates(self) -> int:
        """Length of the longest list: no point can have more neighbours."""
        return int(np.diff(self.start).max())


def neighbour_bins(
    positions: NDArray[np.float64], cell: NDArray[np.float64], *, cutoff_radius: float
) -> NeighbourBins:
    """Sort the periodic images of all atoms into overlapping bins.

    Parameters
    ----------
    positions
        Cartesian positions, Å, [atoms, 3]; anywhere in space, in or out of the cell.
    cell
        Cell vectors as rows, Å, [3, 3]; triclinic, left-handed or shorter than the cutoff.
    cutoff_radius
        Largest distance of a neighbour, Å.

    Returns
    -------
    NeighbourBins
        Lists of candidates, a superset of all neighbours of any point in each bin.

    Raises
    ------
    DataError
        If two atoms are at the same place.
    """
    inverse = np.asarray(np.linalg.inv(cell), np.float64)
    heights = 1 / np.linalg.norm(inverse, axis=0)
    wanted = np.ceil(heights * _BINS_PER_CUTOFF / cutoff_radius)
    # In a huge, nearly empty cell the bins would outnumber the atoms without use.
    excess = wanted.prod() / (_MAX_BINS_PER_ATOM * max(1, len(positions)))
    shape = np.maximum(1, wanted // max(1.0, np.cbrt(excess))).astype(np.int64)
    edges = cell / shape[:, None]
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    half_diagonal = np.linalg.norm(corners @ edges, axis=1).max()
    reach = (cutoff_radius + half_diagonal) * (1 + _SLACK)
    scaled = positions @ inverse
    home = positions - np.floor(scaled) @ cell
    # An atom is at least (n − 1/2) bin heights from the centre of the n-th bin along an axis.
    span = np.floor(reach * shape / heights + 0.5).astype(np.int64)
    counts = np.zeros(int(shape.prod()), np.int64)
    empty = np.empty((0, 3)), np.empty(0, np.int64), np.empty(0, np.int64)
    _visit_images(home, home @ inverse, cell, edges, shape, span, reach, counts, *empty)
    start = np.concatenate([[0], np.cumsum(counts)])
    images = np.empty((start[-1], 3)), np.empty(start[-1], np.int64), start[:-1].copy()
    _visit_images(home, home @ inverse, cell, edges, shape, span, reach, counts, *images)
    bins = NeighbourBins(cell, inverse, shape, start, images[0], images[1])
    first, second = _coinciding(home, home @ inverse, bins)
    if first >= 0:
        raise DataError(
            "Two atoms are at the same place.",
            where=f"positions[{first}] and positions[{second}], or images of them",
            expected=f"more than {_COINCIDENCE} Å between any two atoms",
            got=f"{positions[first].tolist()} and {positions[second].tolist()} Å",
            remedy="give each atom once; an atom on the cell's border is also its own image",
        )
    return bins


@compiled
def _coinciding(
    home: NDArray[np.float64], scaled: NDArray[np.float64], bins: NeighbourBins
) -> tuple[int, int]:
    """Find the first pair of atoms at one place; (-1, -1) if there is none."""
    for atom in range(len(home)):
        target = 0
        for k in range(3):
            index = min(max(int(scaled[atom, k] * bins.shape[k]), 0), bins.shape[k] - 1)
            target = target * bins.shape[k] + index
        for candidate in range(bins.start[target], bins.start[target + 1]):
            squared = 0.0
            for c in range(3):
                squared += (bins.positions[candidate, c] - home[atom, c]) ** 2
            if squared < _COINCIDENCE**2 and bins.atoms[candidate] != atom:
                return atom, int(bins.atoms[candidate])
    return -1, -1


@compiled
def _visit_images(
    home: NDArray[np.float64],
    scaled: NDArray[np.float64],
    cell: NDArray[np.float64],
    edges: NDArray[np.float64],
    shape: NDArray[np.int64],
    span: NDArray[np.int64],
    reach: float,
    counts: NDArray[np.int64],
    images: NDArray[np.float64],
    atoms: NDArray[np.int64],
    cursor: NDArray[np.int64],
) -> None:
    """Count (without `cursor`) or list, per bin, the images within `reach` of its centre."""
    offset = np.empty(3)
    bin_index = np.empty(3, np.int64)
    shift = np.empty(3, np.int64)
    for atom in range(len(home)):
        for k in range(3):
            bin_index[k] = int(np.floor(scaled[atom, k] * shape[k]))
        for step in np.ndindex(2 * span[0] + 1, 2 * span[1] + 1, 2 * span[2] + 1):
            offset[:] = -home[atom]
            target = 0
            for k in range(3):
                unwrapped = bin_index[k] + step[k] - span[k]
                shift[k] = unwrapped // shape[k]
                target = target * shape[k] + unwrapped - shift[k] * shape[k]
                for c in range(3):
                    offset[c] += (unwrapped + 0.5) * edges[k, c]
            if offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2 > reach * reach:
                continue
            if len(cursor) == 0:
                counts[target] += 1
                continue
            slot = cursor[target]
            cursor[target] += 1
            atoms[slot] = atom
            for c in range(3):
                moved = shift[0] * cell[0, c] + shift[1] * cell[1, c] + shift[2] * cell[2, c]
                images[slot, c] = home[atom, c] - moved
