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

from surrogate_hpo.descriptors.adjoint.rotations import (
    ROWS_PER_RESULT,
    ROWS_PER_SLOPE,
    complete,
    differentiate,
    fold,
    pull,
    slope_factors,
    sum_rotations,
)
from surrogate_hpo.descriptors.adjoint.tables import AdjointTables
from surrogate_hpo.descriptors.geometry import ROWS_PER_NEIGHBOUR, gather, neighbour_array, rotate
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    compiled,
    inlined,
    lane_array,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
)
from surrogate_hpo.descriptors.neighbours import NeighbourBins


class AdjointScratch(NamedTuple):
    """Working memory of one thread."""

    geometry: Lanes
    owners: NDArray[np.int64]
    rotations: Lanes
    recursion: Lanes
    sums: Lanes
    total: Lanes
    given: Lanes
    adjoint: Lanes
    slopes: Lanes
    result: Lanes


def adjoint_scratch(
    tables: AdjointTables, n_components: int, max_neighbours: int
) -> AdjointScratch:
    """Allocate working memory for points with at most `max_neighbours` neighbours."""
    double = np.dtype(np.float64)
    elements = 2 * int(tables.first[-1])
    per_row = tables.twojmax + 1
    geometry = neighbour_array(max_neighbours)
    slopes = sum(j * ((j + 1) // 2) for j in range(1, tables.twojmax + 1))
    return AdjointScratch(
        geometry=geometry,
        owners=np.empty((len(geometry) // ROWS_PER_NEIGHBOUR, geometry.shape[1]), np.int64),
        rotations=neighbour_array(max_neighbours),
        recursion=lane_array(2 * per_row * (tables.twojmax // 2 + 1), double),
        sums=lane_array(elements, double),
        total=lane_array(elements, double),
        given=lane_array(n_components, double),
        adjoint=lane_array(elements, double),
        slopes=lane_array(ROWS_PER_SLOPE * slopes, double),
        result=neighbour_array(max_neighbours, ROWS_PER_RESULT),
    )


AdjointKernel = Callable[
    [
        NDArray[np.float64],
        NDArray[np.float64],
        NeighbourBins,
        NDArray[np.float64],
        NDArray[np.float64],
        AdjointTables,
        AdjointScratch,
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
        tables: AdjointTables,
        scratch: AdjointScratch,
        gradient: NDArray[np.float64],
        virial: NDArray[np.float64],
    ) -> None:
        _ = sources
        geometry, owners = scratch.geometry, scratch.owners
        rotations, recursion, sums = scratch.rotations, scratch.recursion, scratch.sums
        # In the place of a weight, `gather` writes whose neighbour it is; 0 is a padding.
        numbers = np.arange(1.0, len(weights) + 1)
        lanes = geometry.shape[1]
        for begin in range(0, len(points), lanes):
            filled = min(lanes, len(points) - begin)
            n = gather(points, begin, filled, bins, cutoffs, numbers, geometry)
            _weigh(geometry, owners, n, weights)
            rotate(geometry, rotations, n)
            sum_rotations(rotations, n, tables, recursion, sums)
            complete(sums, tables, scratch.total)
            scratch.given[:, :filled] = given[begin : begin + filled].T
            scratch.given[:, filled:] = 0.0
            _couple(scratch.total, scratch.given, tables, scratch.adjoint)
            fold(scratch.adjoint, tables, sums)
            slope_factors(sums, tables, scratch.slopes)
            differentiate(rotations, n, sums, scratch.slopes, tables, recursion, scratch.result)
            pull(geometry, owners, n, scratch.result, gradient, virial)

    return kernel


def _digest_of_sources() -> str:
    names = ("adjoint.kernel", "adjoint.rotations", "geometry", "lanes")
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


@inlined
def _couple(total: Lanes, given: Lanes, tables: AdjointTables, adjoint: Lanes) -> None:
    """Compute dE/dU of all elements, mirrored or not, as if they were independent."""
    for k in range(adjoint.shape[0]):
        store(adjoint, k, splat(adjoint, 0))
    for job in range(tables.jobs.shape[0]):
        one, other, x, y, columns, z1, z2, start, begin, end = tables.jobs[job]
        for line in range(begin, end):
            rows, row_weights = tables.rows[line], tables.row_weights[line]
            weight1 = multiply(splat(total, row_weights[0]), load(given, one))
            weight2 = multiply(splat(total, row_weights[1]), load(given, other))
            _differentiate_products(
                total,
                2 * (rows[0] + x),
                2 * (rows[1] + y),
                2 * (rows[2] + z1),
                2 * (rows[3] + z2),
                columns,
                tables.coefficients,
                start,
                weight1,
                weight2,
                adjoint,
            )


@inlined
def _differentiate_products(
    total: Lanes,
    x: int,
    y: int,
    z1: int,
    z2: int,
    columns: int,
    coefficients: NDArray[np.float64],
    start: int,
    weight1: Lanes,
    weight2: Lanes,
    adjoint: Lanes,
) -> None:
    """Differentiate Σ_z w_z Re[(Σ_columns c_z U_x U_y) U_z*] by all three."""
    zero = splat(total, 0)
    real1, imag1, real2, imag2 = zero, zero, zero, zero
    z1_r, z1_i = multiply(weight1, load(total, z1)), multiply(weight1, load(total, z1 + 1))
    z2_r, z2_i = multiply(weight2, load(total, z2)), multiply(weight2, load(total, z2 + 1))
    for k in range(start, start + columns):
        c1, c2 = splat(total, coefficients[k, 0]), splat(total, coefficients[k, 1])
        x_r, x_i = load(total, x), load(total, x + 1)
        y_r, y_i = load(total, y), load(total, y + 1)
        product_r = multiply_subtract(x_i, y_i, multiply(x_r, y_r))
        product_i = multiply_add(x_i, y_r, multiply(x_r, y_i))
        real1, imag1 = multiply_add(c1, product_r, real1), multiply_add(c1, product_i, imag1)
        real2, imag2 = multiply_add(c2, product_r, real2), multiply_add(c2, product_i, imag2)
        z_r = multiply_add(c2, z2_r, multiply(c1, z1_r))
        z_i = multiply_add(c2, z2_i, multiply(c1, z1_i))
        _add_product(adjoint, x, y_r, y_i, z_r, z_i)
        _add_product(adjoint, y, x_r, x_i, z_r, z_i)
        x += 2
        y -= 2
    store(adjoint, z1, multiply_add(weight1, real1, load(adjoint, z1)))
    store(adjoint, z1 + 1, multiply_add(weight1, imag1, load(adjoint, z1 + 1)))
    store(adjoint, z2, multiply_add(weight2, real2, load(adjoint, z2)))
    store(adjoint, z2 + 1, multiply_add(weight2, imag2, load(adjoint, z2 + 1)))


@inlined
def _add_product(
    adjoint: Lanes, at: int, left_r: Lanes, left_i: Lanes, right_r: Lanes, right_i: Lanes
) -> None:
    """Add left*·right to one element."""
    real = multiply_add(left_r, right_r, load(adjoint, at))
    imag = multiply_add(left_r, right_i, load(adjoint, at + 1))
    store(adjoint, at, multiply_add(left_i, right_i, real))
    store(adjoint, at + 1, multiply_subtract(left_i, right_r, imag))


adjoint_kernel = _build_kernel(_digest_of_sources())
