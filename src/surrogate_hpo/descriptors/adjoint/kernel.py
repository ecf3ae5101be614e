"""Compiled adjoint of the SNAP bispectrum: from dE/dB at points to dE/dR of atoms and the virial.

For each group of points, one per SIMD lane: the sums U_j over neighbours, dE/dU_j by the
product rule for B = Σ c U_x U_y U_z*, and from these the derivative by each neighbour.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.adjoint.coupling import couple
from surrogate_hpo.descriptors.adjoint.rotations import (
    ROWS_PER_RESULT,
    ROWS_PER_SLOPE,
    differentiate,
    fold,
    hand_out,
    pull,
    slope_factors,
)
from surrogate_hpo.descriptors.geometry import ROWS_PER_NEIGHBOUR, gather, neighbour_array, rotate
from surrogate_hpo.descriptors.lanes import Lanes, compiled, inlined, lane_array
from surrogate_hpo.descriptors.moments import complete, factor_rows, sum_moments
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import Tables


class AdjointScratch(NamedTuple):
    """Working memory of one thread."""

    geometry: Lanes
    owners: NDArray[np.int64]
    rotations: Lanes
    factors: Lanes
    moments: Lanes
    recursion: Lanes
    total: Lanes
    given: Lanes
    adjoint: Lanes
    folded: Lanes
    slopes: Lanes
    result: Lanes
    virial: Lanes


def adjoint_scratch(
    tables: Tables, n_components: int, max_neighbours: int, energies: int = 1
) -> AdjointScratch:
    """Allocate working memory for points with at most `max_neighbours` neighbours."""
    double = np.dtype(np.float64)

    def of_each(rows: int) -> Lanes:
        """Rows for each energy, [energies, rows, lanes]."""
        together = lane_array(energies * rows, double)
        return together.reshape(energies, rows, together.shape[1])

    elements = 2 * int(tables.first[-1])
    per_row = tables.twojmax + 1
    geometry = neighbour_array(max_neighbours)
    slopes = sum(j * ((j + 1) // 2) for j in range(1, tables.twojmax + 1))
    return AdjointScratch(
        geometry=geometry,
        owners=np.empty((len(geometry) // ROWS_PER_NEIGHBOUR, geometry.shape[1]), np.int64),
        rotations=neighbour_array(max_neighbours),
        factors=lane_array(factor_rows(tables.twojmax), double),
        moments=lane_array(2 * tables.n_moments, double),
        recursion=lane_array(2 * per_row * (tables.twojmax // 2 + 1), double),
        total=lane_array(elements, double),
        given=of_each(n_components),
        adjoint=of_each(elements),
        folded=of_each(elements),
        slopes=of_each(ROWS_PER_SLOPE * slopes),
        result=of_each(len(neighbour_array(max_neighbours, ROWS_PER_RESULT))),
        virial=of_each(9),
    )


AdjointKernel = Callable[
    [
        NDArray[np.float64],
        NDArray[np.float64],
        NeighbourBins,
        NDArray[np.float64],
        NDArray[np.float64],
        Tables,
        NDArray[np.float64],
        AdjointScratch,
        NDArray[np.float64],
        NDArray[np.float64],
        NDArray[np.float64],
    ],
    None,
]


def _build_kernel(sources: str) -> AdjointKernel:
    """Compile the entry point, bound to a digest of all `sources`, as in ``kernel``."""

    @compiled
    def kernel(
        points: NDArray[np.float64],
        given: NDArray[np.float64],
        bins: NeighbourBins,
        cutoffs: NDArray[np.float64],
        weights: NDArray[np.float64],
        tables: Tables,
        norm: NDArray[np.float64],
        scratch: AdjointScratch,
        gradient: NDArray[np.float64],
        virial: NDArray[np.float64],
        reaction: NDArray[np.float64],
    ) -> None:
        _ = sources
        geometry, owners = scratch.geometry, scratch.owners
        rotations, recursion = scratch.rotations, scratch.recursion
        # In the place of a weight, `gather` writes whose neighbour it is; 0 is a padding.
        numbers = np.arange(1.0, len(weights) + 1)
        lanes = geometry.shape[1]
        for begin in range(0, len(points), lanes):
            filled = min(lanes, len(points) - begin)
            n = gather(points, begin, filled, bins, cutoffs, numbers, geometry)
            _weigh(geometry, owners, n, weights)
            rotate(geometry, rotations, n)
            sum_moments(rotations, n, tables.twojmax, scratch.factors, scratch.moments)
            complete(scratch.moments, tables, scratch.total, 0)
            scratch.given[:, :, :filled] = given[:, begin : begin + filled].transpose(0, 2, 1)
            scratch.given[:, :, filled:] = 0.0
            for m in range(len(given)):
                couple(scratch.total, scratch.given[m], tables, scratch.adjoint[m])
                fold(scratch.adjoint[m], tables, norm, scratch.folded[m])
                slope_factors(scratch.folded[m], tables, scratch.slopes[m])
            differentiate(
                rotations, n, scratch.folded, scratch.slopes, tables, recursion, scratch.result
            )
            for m in range(len(given)):
                result, here = scratch.result[m], reaction[m, begin : begin + filled]
                pull(geometry, rotations, n, result, scratch.virial[m])
                hand_out(owners, n, result, gradient[m], here)

        for m in range(len(given)):
            for row in range(9):
                virial[m, row // 3, row % 3] += scratch.virial[m, row].sum()
                scratch.virial[m, row] = 0.0

    return kernel


def _digest_of_sources() -> str:
    own = ("adjoint.coupling", "adjoint.kernel", "adjoint.rotations")
    names = (*own, "geometry", "lanes", "moments", "tables")
    modules = (sys.modules[f"surrogate_hpo.descriptors.{name}"] for name in names)
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


@inlined
def _weigh(
    geometry: Lanes, owners: NDArray[np.int64], n_neighbours: int, weights: NDArray[np.float64]
) -> None:
    """Split off the numbers of the atoms, −1 for a padding, and write weights in their place."""
    for k in range(n_neighbours):
        for lane in range(geometry.shape[1]):
            row = ROWS_PER_NEIGHBOUR * k + 4
            owners[k, lane] = int(geometry[row, lane]) - 1
            if owners[k, lane] >= 0:
                geometry[row, lane] = weights[owners[k, lane]]


adjoint_kernel = _build_kernel(_digest_of_sources())
