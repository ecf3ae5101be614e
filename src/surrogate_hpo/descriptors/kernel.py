"""Compiled SNAP bispectrum: one point per SIMD lane, see docs/concepts/descriptors.md.

Three steps for each group of points: the rotations (a, b) of all neighbours, the sums
U_j = 1 + Σ_i w_i f_c(r_i) u_j(a_i, b_i), and their contraction to B. The first two
are always in double precision. Complex numbers are pairs of rows of a lane array: row 2k
holds real parts, row 2k + 1 imaginary parts.
"""

import hashlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.geometry import ROWS_PER_NEIGHBOUR, gather, rotate
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    compiled,
    lane_array,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
)
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import Tables


class Scratch(NamedTuple):
    """Working memory of one thread: all in double precision up to and with `sums`."""

    geometry: Lanes
    rotations: Lanes
    recursion: Lanes
    sums: Lanes
    total: Lanes
    scaled: Lanes
    result: Lanes


def kernel_scratch(tables: Tables, max_neighbours: int, dtype: np.dtype[Any]) -> Scratch:
    """Allocate working memory for points with at most `max_neighbours` neighbours."""
    per_row = tables.twojmax + 1
    elements = int(tables.first[-1])
    double = np.dtype(np.float64)
    return Scratch(
        geometry=lane_array(ROWS_PER_NEIGHBOUR * max_neighbours, double),
        rotations=lane_array(ROWS_PER_NEIGHBOUR * max_neighbours, double),
        recursion=lane_array(2 * per_row * (tables.twojmax // 2 + 1), double),
        sums=lane_array(2 * elements, double),
        total=lane_array(2 * elements, dtype),
        scaled=lane_array(2 * per_row * per_row, dtype),
        result=lane_array(len(tables.triples), dtype),
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
                _sum_rotations(rotations, n, tables, scratch.recursion, scratch.sums)
                _complete(scratch.sums, tables, scratch.total, lane)
            _contract(scratch.total, tables, scratch.scaled, result)
            for lane in range(filled):
                for component in range(result.shape[0]):
                    out[begin + lane, component] = result[component, lane]

    return kernel


def _digest_of_sources() -> str:
    modules = (sys.modules[f"{__package__}.{name}"] for name in ("geometry", "kernel", "lanes"))
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


@compiled
def _sum_rotations(
    rotations: Lanes, n_neighbours: int, tables: Tables, recursion: Lanes, sums: Lanes
) -> None:
    """Sum w f_c u_j over neighbours, for the rows mb ≤ j/2, without the factors `norm`.

    Freed of `norm`, the recursion is u_j[mb, ma] = a* u_{j−1}[mb, ma] − b* u_{j−1}[mb, ma−1],
    and a row can be updated in place. It starts from the weight, as it is linear.
    """
    zero = splat(sums, 0)
    stride = tables.twojmax + 1
    for k in range(sums.shape[0]):
        store(sums, k, zero)
    for k in range(n_neighbours):
        weight = load(rotations, 5 * k + 4)
        store(recursion, 0, weight)
        store(recursion, 1, zero)
        store(sums, 0, multiply_add(splat(sums, 1), weight, load(sums, 0)))
        for j in range(1, tables.twojmax + 1):
            if j % 2 == 0:
                _mirror_row(recursion, j - 1, stride)
            for mb in range(j // 2 + 1):
                element = tables.first[j] + mb * (j + 1)
                _update_row(rotations, k, recursion, mb * stride, sums, element, j)


@compiled
def _update_row(
    rotations: Lanes,
    k: int,
    rows: Lanes,
    start: int,
    total: Lanes,
    element: int,
    j: int,
) -> None:
    """Raise one row from j − 1 to j and add it to the total."""
    ar, ai = load(rotations, 5 * k), load(rotations, 5 * k + 1)
    br, bi = load(rotations, 5 * k + 2), load(rotations, 5 * k + 3)
    one = splat(total, 1)
    left_r, left_i = splat(total, 0), splat(total, 0)
    for ma in range(j + 1):
        real = multiply_subtract(bi, left_i, multiply(br, left_r))
        imag = multiply_add(bi, left_r, multiply(br, left_i))
        if ma < j:
            left_r, left_i = load(rows, 2 * (start + ma)), load(rows, 2 * (start + ma) + 1)
            real = multiply_subtract(ai, left_i, multiply_add(ar, left_r, real))
            imag = multiply_add(ai, left_r, multiply_add(ar, left_i, imag))
        store(rows, 2 * (start + ma), real)
        store(rows, 2 * (start + ma) + 1, imag)
        into = 2 * (element + ma)
        store(total, into, multiply_add(one, real, load(total, into)))
        store(total, into + 1, multiply_add(one, imag, load(total, into + 1)))


@compiled
def _mirror_row(rows: Lanes, j: int, stride: int) -> None:
    """Make row (j + 1)/2 of an odd j: u[j − mb, j − ma] = (−1)^(mb + ma) u[mb, ma]*."""
    mb = j // 2
    for ma in range(j + 1):
        source, target = 2 * (mb * stride + ma), 2 * ((mb + 1) * stride + j - ma)
        sign = splat(rows, 1 - 2 * ((mb + ma) % 2))
        store(rows, target, multiply(sign, load(rows, source)))
        store(rows, target + 1, multiply_subtract(sign, load(rows, source + 1), splat(rows, 0)))


@compiled
def _complete(sums: Lanes, tables: Tables, total: Lanes, first_lane: int) -> None:
    """Apply `norm`, add the point's own identity, mirror the rows mb > j/2, and round.

    Single precision begins here: single sums over many neighbours would be the largest error.
    """
    for j in range(tables.twojmax + 1):
        for mb in range(j // 2 + 1):
            for ma in range(j + 1):
                k = tables.first[j] + mb * (j + 1) + ma
                image = tables.first[j] + (j - mb) * (j + 1) + j - ma
                own = 1.0 if ma == mb else 0.0
                norm = tables.norm[k]
                sign = 1.0 - 2.0 * ((mb + ma) % 2)
                for lane in range(sums.shape[1]):
                    real = norm * sums[2 * k, lane] + own
                    imag = norm * sums[2 * k + 1, lane]
                    total[2 * k, first_lane + lane] = real
                    total[2 * k + 1, first_lane + lane] = imag
                    if 2 * mb < j:
                        total[2 * image, first_lane + lane] = sign * real
                        total[2 * image + 1, first_lane + lane] = -sign * imag


@compiled
def _contract(total: Lanes, tables: Tables, scaled: Lanes, result: Lanes) -> None:
    """Couple U_j1, U_j2 and U_j* to B(j1, j2, j), over the rows that differ by symmetry."""
    first, heads, runs, rows = tables.first, tables.triples, tables.runs, tables.rows
    for t in range(heads.shape[0]):
        j1, j2, j = heads[t, 0], heads[t, 1], heads[t, 2]
        value = splat(total, 0)
        ready = -1
        for line in range(heads[t, 4], heads[t, 5]):
            if rows[line, 0] != ready:
                ready = rows[line, 0]
                row1 = first[j1] + ready * (j1 + 1)
                _scale_row(total, row1, runs, heads[t, 3], j2, tables.coefficients, scaled)
            row2 = first[j2] + rows[line, 1] * (j2 + 1)
            row = first[j] + rows[line, 2] * (j + 1)
            columns = _sum_columns(total, row2, row, runs, heads[t, 3], j2, scaled)
            value = multiply_add(splat(total, tables.row_weights[line]), columns, value)
        store(result, t, value)


@compiled
def _scale_row(
    total: Lanes,
    row1: int,
    runs: NDArray[np.int64],
    first_run: int,
    j2: int,
    coefficients: Lanes,
    scaled: Lanes,
) -> None:
    """Multiply one row of U_j1 by all its column coefficients; several row pairs share it."""
    into = 0
    for run in range(first_run, first_run + j2 + 1):
        start = runs[run, 3]
        for k in range(runs[run, 1] - runs[run, 0]):
            element = 2 * (row1 + runs[run, 0] + k)
            weight = splat(total, coefficients[start + k])
            store(scaled, into, multiply(weight, load(total, element)))
            store(scaled, into + 1, multiply(weight, load(total, element + 1)))
            into += 2


@compiled
def _sum_columns(
    total: Lanes,
    row2: int,
    row: int,
    runs: NDArray[np.int64],
    first_run: int,
    j2: int,
    scaled: Lanes,
) -> Lanes:
    """Sum Re(U_j2 · scaled · U_j*) over all columns; four partial sums hide the latency."""
    zero, one = splat(total, 0), splat(total, 1)
    value = zero
    at = 0
    for m2 in range(j2 + 1):
        run = first_run + m2
        element = 2 * (row + runs[run, 2])
        rr, ii, ir, ri = zero, zero, zero, zero
        for k in range(runs[run, 1] - runs[run, 0]):
            xr, xi = load(scaled, at), load(scaled, at + 1)
            ur, ui = load(total, element + 2 * k), load(total, element + 2 * k + 1)
            rr = multiply_add(xr, ur, rr)
            ii = multiply_add(xi, ui, ii)
            ir = multiply_add(xi, ur, ir)
            ri = multiply_add(xr, ui, ri)
            at += 2
        real = multiply_add(one, rr, ii)
        imag = multiply_subtract(one, ri, ir)
        value = multiply_add(load(total, 2 * (row2 + m2)), real, value)
        value = multiply_subtract(load(total, 2 * (row2 + m2) + 1), imag, value)
    return value


bispectrum_kernel = _build_kernel(_digest_of_sources())
