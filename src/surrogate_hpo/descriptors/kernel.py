"""Compiled SNAP bispectrum: one point per SIMD lane, see docs/concepts/descriptors.md.

Three steps for each group of points: the rotations (a, b) of all neighbours, the sums
U_j = 1 + Σ_i w_i f_c(r_i) u_j(a_i, b_i), and their contraction to B. The first two
are always in double precision. Complex numbers are pairs of rows of a lane array: row 2k
holds real parts, row 2k + 1 imaginary parts.

The contraction is bound by the number of multiplications. The products of one row of U_x and
one row of U_y are the dearest part; all components that contain x and y share them, for up
to `TOGETHER` third momenta z at a time.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import literal_unroll
from numpy.typing import NDArray

from surrogate_hpo.descriptors.geometry import gather, neighbour_array, rotate
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    compiled,
    complex_product,
    inlined,
    lane_array,
    load,
    multiply,
    multiply_add,
    numbers,
    splat,
    store,
)
from surrogate_hpo.descriptors.moments import complete, factor_rows, sum_moments
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import TOGETHER, TOGETHER_ZEROS, Tables


class Scratch(NamedTuple):
    """Working memory of one thread: all in double precision up to and with `moments`."""

    geometry: Lanes
    rotations: Lanes
    factors: Lanes
    moments: Lanes
    total: Lanes
    result: Lanes


def kernel_scratch(tables: Tables, max_neighbours: int, dtype: np.dtype[Any]) -> Scratch:
    """Allocate working memory for points with at most `max_neighbours` neighbours."""
    double = np.dtype(np.float64)
    return Scratch(
        geometry=neighbour_array(max_neighbours),
        rotations=neighbour_array(max_neighbours),
        factors=lane_array(factor_rows(tables.twojmax), double),
        moments=lane_array(2 * tables.n_moments, double),
        total=lane_array(2 * int(tables.first[-1]), dtype),
        result=lane_array(len(tables.components), dtype),
    )


Kernel = Callable[
    [
        NDArray[np.float64],
        NeighbourBins,
        NDArray[np.float64],
        NDArray[np.float64],
        Tables,
        Scratch,
        NDArray[Any],
    ],
    None,
]


def _build_kernel(sources: str) -> Kernel:
    """Compile the entry point, bound to a digest of all `sources` that it inlines.

    Numba's disk cache notices changes of the outermost function's own file and closure
    only; without the digest, an edit elsewhere would leave old machine code in use.
    """

    @compiled
    def kernel(
        points: NDArray[np.float64],
        bins: NeighbourBins,
        cutoffs: NDArray[np.float64],
        weights: NDArray[np.float64],
        tables: Tables,
        scratch: Scratch,
        out: NDArray[Any],
    ) -> None:
        _ = sources
        geometry, rotations, result = scratch.geometry, scratch.rotations, scratch.result
        lanes, group = result.shape[1], geometry.shape[1]
        for begin in range(0, len(points), lanes):
            filled = min(lanes, len(points) - begin)
            for lane in range(0, lanes, group):
                here = max(0, min(group, filled - lane))
                n = gather(points, begin + lane, here, bins, cutoffs, weights, geometry)
                rotate(geometry, rotations, n)
                sum_moments(rotations, n, tables.twojmax, scratch.factors, scratch.moments)
                complete(scratch.moments, tables, scratch.total, lane)
            _contract(scratch.total, tables, result)
            for lane in range(filled):
                for component in range(result.shape[0]):
                    out[begin + lane, component] = result[component, lane]

    return kernel


def _digest_of_sources() -> str:
    names = ("geometry", "kernel", "lanes", "moments", "tables")
    modules = (sys.modules[f"{__package__}.{name}"] for name in names)
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


@inlined
def _contract(total: Lanes, tables: Tables, result: Lanes) -> None:
    """Couple U_x, U_y and U_z* to all components, over the rows that differ by symmetry."""
    zero = splat(result, 0)
    for k in range(result.shape[0]):
        store(result, k, zero)
    for zeros in literal_unroll(TOGETHER_ZEROS):
        _couple(total, tables, result, zeros)


@inlined
def _couple(total: Lanes, tables: Tables, result: Lanes, zeros: tuple[int, ...]) -> None:
    """Add Σ_rows w · Re[(Σ_columns c · U_x · U_y) · U_z*], for as many z together as zeros.

    The length of `zeros` is known when this is compiled, so that all sums stay in registers.
    """
    jobs, coefficients = tables.jobs, tables.coefficients
    none = splat(total, zeros)
    for job in range(tables.spans[len(zeros), 0], tables.spans[len(zeros), 1]):
        column_x, column_y, columns = jobs[job, 1], jobs[job, 2], jobs[job, 3]
        first_coefficient, first_row, end_row = jobs[job, 4], jobs[job, 5], jobs[job, 6]
        here = total[2 * (column_x + column_y) :]
        sums = none
        for row in range(first_row, end_row):
            x = tables.rows[row, 0] + 2 * column_x
            y = tables.rows[row, 1] + 2 * column_y
            at = first_coefficient
            real, imag = none, none
            for _ in range(columns):
                x_real, x_imag = load(total, x), load(total, x + 1)
                y_real, y_imag = load(total, y), load(total, y + 1)
                product_real, product_imag = complex_product(x_real, x_imag, y_real, y_imag)
                c = splat(total, numbers(coefficients, at, zeros))
                real = multiply_add(c, product_real, real)
                imag = multiply_add(c, product_imag, imag)
                x, y, at = x + 2, y - 2, at + TOGETHER
            z = numbers(tables.row_targets, TOGETHER * row, zeros)
            weight = splat(total, numbers(tables.row_weights, TOGETHER * row, zeros))
            inner = multiply(imag, load(here[1:], z))
            inner = multiply_add(real, load(here, z), inner)
            sums = multiply_add(weight, inner, sums)
        into = numbers(tables.components, jobs[job, 0], zeros)
        one = splat(total, 1)
        store(result, into, multiply_add(one, sums, load(result, into)))


bispectrum_kernel = _build_kernel(_digest_of_sources())
