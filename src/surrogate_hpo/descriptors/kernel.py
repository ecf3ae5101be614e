"""Compiled SNAP bispectrum: one point per SIMD lane, see docs/concepts/descriptors.md.

Three steps for each group of points: the rotations q(r) of all neighbours, the sums
U_j = 1 + Σ_i w_i f_c(r_i) u_j(q_i), and their contraction to B. Complex numbers are pairs
of rows of a lane array: row 2k holds real parts, row 2k + 1 imaginary parts.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.lanes import (
    compiled,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
)

# LAMMPS' rfac0: the cutoff maps to 0.99363·π, just short of the pole of the 3-sphere.
ANGLE_FACTOR = 0.99363
# Below this squared distance (Å²) LAMMPS does not count an atom as a neighbour.
ON_POINT = 1e-20
# Rows of the geometry buffer per neighbour: dx, dy, dz, 1/cutoff, weight.
GEOMETRY_ROWS = 5



@compiled
def bispectrum_kernel(
    points: NDArray[np.float64],
    bins: Any,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
    tables: Any,
    scratch: Any,
    out: NDArray[Any],
) -> None:
    """Fill out[P, components] with the bispectrum at points[P, 3], a register at a time.

    `bins` and `tables` are the fields of NeighbourBins and Tables, `scratch` the geometry
    (float64) and the rotations, recursion rows, U and B (the precision of `out`).
    """
    geometry, rotations, rows, total, result = scratch
    lanes = result.shape[1]
    for begin in range(0, len(points), lanes):
        filled = min(lanes, len(points) - begin)
        n_neighbours = 0
        for lane in range(lanes):
            # Lanes past the end repeat the last point; their results are dropped.
            point = points[begin + min(lane, filled - 1)]
            found = _gather(point, bins, cutoffs, weights, geometry, lane)
            n_neighbours = _pad(geometry, lane, found, n_neighbours)
        _rotate(geometry, rotations, n_neighbours)
        _sum_rotations(rotations, n_neighbours, tables[0], tables[1], rows, total)
        _complete(total, tables[0], tables[1], tables[2])
        _contract(total, tables, result)
        for lane in range(filled):
            for component in range(result.shape[0]):
                out[begin + lane, component] = result[component, lane]


@compiled
def _gather(
    point: NDArray[np.float64],
    bins: Any,
    cutoffs: NDArray[np.float64],
    weights: NDArray[np.float64],
    geometry: NDArray[np.float64],
    lane: int,
) -> int:
    """Write the neighbours of one point into its lane and return their number."""
    cell, inverse, shape, start, images, atoms = bins
    home = np.empty(3)
    home[:] = point
    target = 0
    for k in range(3):
        scaled = point[0] * inverse[0, k] + point[1] * inverse[1, k] + point[2] * inverse[2, k]
        turns = np.floor(scaled)
        for c in range(3):
            home[c] -= turns * cell[k, c]
        target = target * shape[k] + min(int((scaled - turns) * shape[k]), shape[k] - 1)
    found = 0
    for candidate in range(start[target], start[target + 1]):
        x = home[0] - images[candidate, 0]
        y = home[1] - images[candidate, 1]
        z = home[2] - images[candidate, 2]
        squared = x * x + y * y + z * z
        cutoff = cutoffs[atoms[candidate]]
        if ON_POINT < squared < cutoff * cutoff:
            row = GEOMETRY_ROWS * found
            geometry[row, lane] = x
            geometry[row + 1, lane] = y
            geometry[row + 2, lane] = z
            geometry[row + 3, lane] = 1 / cutoff
            geometry[row + 4, lane] = weights[atoms[candidate]]
            found += 1
    return found


@compiled
def _pad(geometry: NDArray[np.float64], lane: int, found: int, longest: int) -> int:
    """Level the lanes up to `lane` with weightless neighbours and return their new length."""
    first, last = (found, lane + 1) if found < longest else (longest, lane)
    for k in range(min(found, longest), max(found, longest)):
        for other in range(lane if found < longest else 0, last):
            row = GEOMETRY_ROWS * k
            geometry[row, other] = 1.0
            for zero in range(1, GEOMETRY_ROWS):
                geometry[row + zero, other] = 0.0
    return max(found, longest)


@compiled
def _rotate(geometry: NDArray[np.float64], rotations: NDArray[Any], n_neighbours: int) -> None:
    """Turn distances into unit quaternions and weights.

    θ = ANGLE_FACTOR·π·r/R is the angle on the 3-sphere, a = cos θ − i sin θ z/r and
    b = sin θ (y − i x)/r; a*, −b* and w·f_c are stored. Half angles keep the series short,
    and plain arithmetic lets the loop over lanes become vector code.
    """
    for k in range(n_neighbours):
        for lane in range(geometry.shape[1]):
            x = geometry[GEOMETRY_ROWS * k, lane]
            y = geometry[GEOMETRY_ROWS * k + 1, lane]
            z = geometry[GEOMETRY_ROWS * k + 2, lane]
            r = np.sqrt(x * x + y * y + z * z)
            quarter_turns = r * geometry[GEOMETRY_ROWS * k + 3, lane]
            half = 0.5 * np.pi * ANGLE_FACTOR * quarter_turns
            sine, cosine = _sine(half), _cosine(half)
            switch = _cosine(0.5 * np.pi * quarter_turns)
            slope = 2 * sine * cosine / r
            rotations[5 * k, lane] = 1 - 2 * sine * sine
            rotations[5 * k + 1, lane] = z * slope
            rotations[5 * k + 2, lane] = -y * slope
            rotations[5 * k + 3, lane] = -x * slope
            rotations[5 * k + 4, lane] = geometry[GEOMETRY_ROWS * k + 4, lane] * switch * switch


@compiled
def _sine(angle: float) -> float:
    """Taylor series of sin, exact to the last bit or two for |angle| ≤ π/2."""
    square = angle * angle
    value = 1.0
    for n in range(22, 1, -2):
        value = 1 - value * square / (n * (n + 1))
    return angle * value


@compiled
def _cosine(angle: float) -> float:
    """Taylor series of cos, exact to 3e-16 for |angle| ≤ π/2."""
    square = angle * angle
    value = 1.0
    for n in range(23, 0, -2):
        value = 1 - value * square / (n * (n + 1))
    return value


@compiled
def _sum_rotations(
    rotations: NDArray[Any],
    n_neighbours: int,
    twojmax: int,
    first: NDArray[np.int64],
    rows: NDArray[Any],
    total: NDArray[Any],
) -> None:
    """Sum w f_c u_j over neighbours, for the rows mb ≤ j/2, without the factors `norm`.

    Freed of `norm`, the recursion is u_j[mb, ma] = a* u_{j−1}[mb, ma] − b* u_{j−1}[mb, ma−1],
    and a row can be updated in place. It starts from the weight, as it is linear.
    """
    zero = splat(total, 0)
    stride = twojmax + 1
    for k in range(total.shape[0]):
        store(total, k, zero)
    for k in range(n_neighbours):
        weight = load(rotations, 5 * k + 4)
        store(rows, 0, weight)
        store(rows, 1, zero)
        store(total, 0, multiply_add(splat(total, 1), weight, load(total, 0)))
        for j in range(1, twojmax + 1):
            if j % 2 == 0:
                _mirror_row(rows, j - 1, stride)
            for mb in range(j // 2 + 1):
                _update_row(rotations, k, rows, mb * stride, total, first[j] + mb * (j + 1), j)


@compiled
def _update_row(
    rotations: NDArray[Any],
    k: int,
    rows: NDArray[Any],
    start: int,
    total: NDArray[Any],
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
def _mirror_row(rows: NDArray[Any], j: int, stride: int) -> None:
    """Make row (j + 1)/2 of an odd j: u[j − mb, j − ma] = (−1)^(mb + ma) u[mb, ma]*."""
    mb = j // 2
    for ma in range(j + 1):
        source, target = 2 * (mb * stride + ma), 2 * ((mb + 1) * stride + j - ma)
        sign = splat(rows, 1 - 2 * ((mb + ma) % 2))
        store(rows, target, multiply(sign, load(rows, source)))
        store(rows, target + 1, multiply_subtract(sign, load(rows, source + 1), splat(rows, 0)))


@compiled
def _complete(
    total: NDArray[Any], twojmax: int, first: NDArray[np.int64], norm: NDArray[Any]
) -> None:
    """Apply `norm`, add the point's own identity, and mirror the rows mb > j/2."""
    zero, one = splat(total, 0), splat(total, 1)
    for j in range(twojmax + 1):
        for mb in range(j // 2 + 1):
            for ma in range(j + 1):
                k = first[j] + mb * (j + 1) + ma
                own = one if ma == mb else zero
                scale = splat(total, norm[k])
                real = multiply_add(scale, load(total, 2 * k), own)
                imag = multiply(scale, load(total, 2 * k + 1))
                store(total, 2 * k, real)
                store(total, 2 * k + 1, imag)
                if 2 * mb < j:
                    k = first[j] + (j - mb) * (j + 1) + j - ma
                    sign = splat(total, 1 - 2 * ((mb + ma) % 2))
                    store(total, 2 * k, multiply(sign, real))
                    store(total, 2 * k + 1, multiply_subtract(sign, imag, zero))


@compiled
def _contract(total: NDArray[Any], tables: Any, result: NDArray[Any]) -> None:
    """Couple B(j1, j2, j) = Σ Re(U_j* Z_j), with Z_j from U_j1 and U_j2.

    Half of the elements of U_j suffice, as the other half is their mirror image; the one
    element that is its own image counts once.
    """
    _, first, _, heads, couplings, _ = tables
    for t in range(heads.shape[0]):
        j1, j2, j, line = heads[t]
        value = splat(total, 0)
        for mb in range(j // 2 + 1):
            for ma in range(j + 1 if 2 * mb < j else mb + 1):
                k = first[j] + mb * (j + 1) + ma
                zr, zi = _couple(total, tables, t, line + mb, line + ma)
                count = splat(total, 1 if 2 * mb == j and 2 * ma == j else 2)
                real = multiply(zr, load(total, 2 * k))
                real = multiply_add(zi, load(total, 2 * k + 1), real)
                value = multiply_add(count, real, value)
        store(result, t, value)


@compiled
def _couple(total: NDArray[Any], tables: Any, t: int, row: int, column: int) -> Any:
    """Sum one element of Z_j over the rows m1b + m2b = `row` and columns m1a + m2a = `column`.

    For j1 = j2 both orders of two different rows give the same product: one is formed.
    """
    _, first, _, heads, couplings, coefficients = tables
    j1, j2 = heads[t, 0], heads[t, 1]
    row_low, row_high, row_sum, row_start = couplings[row]
    low, high, column_sum, start = couplings[column]
    zr, zi = splat(total, 0), splat(total, 0)
    for m1b in range(row_low, row_high):
        m2b = row_sum - m1b
        if j1 == j2 and m1b > m2b:
            break
        left = 2 * (first[j1] + m1b * (j1 + 1) + low)
        right = 2 * (first[j2] + m2b * (j2 + 1) + column_sum - low)
        yr, yi = splat(total, 0), splat(total, 0)
        for k in range(high - low):
            weight = splat(total, coefficients[start + k])
            xr = multiply(weight, load(total, left + 2 * k))
            xi = multiply(weight, load(total, left + 2 * k + 1))
            ur, ui = load(total, right - 2 * k), load(total, right - 2 * k + 1)
            yr = multiply_subtract(xi, ui, multiply_add(xr, ur, yr))
            yi = multiply_add(xi, ur, multiply_add(xr, ui, yi))
        twice = 2 if j1 == j2 and m1b < m2b else 1
        weight = splat(total, twice * coefficients[row_start + m1b - row_low])
        zr = multiply_add(weight, yr, zr)
        zi = multiply_add(weight, yi, zi)
    return zr, zi
