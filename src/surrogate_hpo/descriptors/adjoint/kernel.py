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

# Derivatives by U_x of both components, by U_y of both, by U_z1 of one and by U_z2 of the other;
# where to find the momentum of each in the line of a coupling.
_BLOCKS = 6
_MOMENTUM = (0, 0, 2, 2, 4, 6)


class AdjointScratch(NamedTuple):
    """Working memory of one thread."""

    geometry: Lanes
    owners: NDArray[np.int64]
    rotations: Lanes
    recursion: Lanes
    sums: Lanes
    total: Lanes
    given: Lanes
    jacobian: Lanes
    adjoint: Lanes
    folded: Lanes
    slopes: Lanes
    result: Lanes


def adjoint_scratch(
    tables: AdjointTables, n_components: int, max_neighbours: int, energies: int = 1
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
        recursion=lane_array(2 * per_row * (tables.twojmax // 2 + 1), double),
        sums=lane_array(elements, double),
        total=lane_array(elements, double),
        given=of_each(n_components),
        jacobian=lane_array(_BLOCKS * 2 * per_row**2, double),
        adjoint=of_each(elements),
        folded=of_each(elements),
        slopes=of_each(ROWS_PER_SLOPE * slopes),
        result=of_each(len(neighbour_array(max_neighbours, ROWS_PER_RESULT))),
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
        reaction: NDArray[np.float64],
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
            scratch.given[:, :, :filled] = given[:, begin : begin + filled].transpose(0, 2, 1)
            scratch.given[:, :, filled:] = 0.0
            _couple(scratch.total, scratch.given, tables, scratch.jacobian, scratch.adjoint)
            for m in range(len(given)):
                fold(scratch.adjoint[m], tables, scratch.folded[m])
                slope_factors(scratch.folded[m], tables, scratch.slopes[m])
            differentiate(
                rotations, n, scratch.folded, scratch.slopes, tables, recursion, scratch.result
            )
            for m in range(len(given)):
                here = reaction[m, begin : begin + filled]
                pull(geometry, owners, n, scratch.result[m], gradient[m], virial[m], here)

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
def _couple(
    total: Lanes, given: Lanes, tables: AdjointTables, jacobian: Lanes, adjoint: Lanes
) -> None:
    """Compute dE/dU of all elements, mirrored or not, as if they were independent.

    The derivatives of two components at a time, in cache, serve all energies.
    """
    for m in range(len(adjoint)):
        for k in range(adjoint.shape[1]):
            store(adjoint[m], k, splat(total, 0))
    size = 2 * (tables.twojmax + 1) ** 2
    for coupling in range(tables.couplings.shape[0]):
        first_job, end_job, one, other = tables.couplings[coupling, :4]
        blocks, paired = tables.couplings[coupling, 4:], one != other
        for block in range(_BLOCKS):
            for k in range(2 * blocks[_MOMENTUM[block] + 1]):
                store(jacobian, block * size + k, splat(total, 0))
        for job in range(first_job, end_job):
            _, _, x, y, columns, z1, z2, start, begin, end = tables.jobs[job]
            for line in range(begin, end):
                _differentiate_products(
                    total,
                    tables.rows[line],
                    (x, y, z1, z2),
                    (blocks[0], blocks[2], blocks[4], blocks[6]),
                    columns,
                    tables.coefficients,
                    start,
                    splat(total, tables.row_weights[line, 0]),
                    splat(total, tables.row_weights[line, 1]),
                    jacobian,
                    size,
                    paired,
                )
        for m in range(len(adjoint)):
            weight1, weight2 = load(given[m], one), load(given[m], other)
            for block in range(0, _BLOCKS, 1 if paired else 2):
                weight = weight1 if block % 2 == 0 else weight2
                at = 2 * blocks[_MOMENTUM[block]]
                for k in range(2 * blocks[_MOMENTUM[block] + 1]):
                    slope = load(jacobian, block * size + k)
                    store(adjoint[m], at + k, multiply_add(weight, slope, load(adjoint[m], at + k)))


@inlined
def _differentiate_products(
    total: Lanes,
    rows: NDArray[np.int64],
    columns_of: tuple[int, int, int, int],
    firsts: tuple[int, int, int, int],
    columns: int,
    coefficients: NDArray[np.float64],
    start: int,
    weight1: Lanes,
    weight2: Lanes,
    jacobian: Lanes,
    size: int,
    paired: bool,
) -> None:
    """Differentiate w_z Re[(Σ_columns c_z U_x U_y) U_z*] for one z or both by all three."""
    zero = splat(total, 0)
    x, y = 2 * (rows[0] + columns_of[0]), 2 * (rows[1] + columns_of[1])
    z1, z2 = 2 * (rows[2] + columns_of[2]), 2 * (rows[3] + columns_of[3])
    of_x, of_y = -2 * firsts[0], 2 * size - 2 * firsts[1]
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
        z_r, z_i = multiply(c1, z1_r), multiply(c1, z1_i)
        _add_product(jacobian, of_x + x, y_r, y_i, z_r, z_i)
        _add_product(jacobian, of_y + y, x_r, x_i, z_r, z_i)
        if paired:
            real2, imag2 = multiply_add(c2, product_r, real2), multiply_add(c2, product_i, imag2)
            z_r, z_i = multiply(c2, z2_r), multiply(c2, z2_i)
            _add_product(jacobian, of_x + size + x, y_r, y_i, z_r, z_i)
            _add_product(jacobian, of_y + size + y, x_r, x_i, z_r, z_i)
        x += 2
        y -= 2
    at = 4 * size + z1 - 2 * firsts[2]
    store(jacobian, at, multiply_add(weight1, real1, load(jacobian, at)))
    store(jacobian, at + 1, multiply_add(weight1, imag1, load(jacobian, at + 1)))
    at = 5 * size + z2 - 2 * firsts[3]
    store(jacobian, at, multiply_add(weight2, real2, load(jacobian, at)))
    store(jacobian, at + 1, multiply_add(weight2, imag2, load(jacobian, at + 1)))


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
