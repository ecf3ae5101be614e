"""Compiled sums over neighbours for the adjoint: rotation matrices and their slopes.

U_j is a polynomial of degree j in the quaternion (a*, −b*) of a neighbour, and its derivatives
are elements of U_{j−1}. What a neighbour adds to the gradient is therefore again a sum over
rotation matrices, with four coefficients in the place of one; no recursion runs backwards.
Complex numbers are pairs of rows of a lane array, see ``lanes``.
"""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.adjoint.tables import AdjointTables
from surrogate_hpo.descriptors.geometry import ANGLE_FACTOR, ROWS_PER_NEIGHBOUR
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    inlined,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
)

# Rows per element of U_{j−1}: the factors of its real and imaginary part in the derivatives
# by Re a*, Im a*, Re(−b*), Im(−b*).
ROWS_PER_SLOPE = 8
# Rows per neighbour: these four derivatives, and the value.
ROWS_PER_RESULT = 5


@inlined
def sum_rotations(
    rotations: Lanes, n_neighbours: int, tables: AdjointTables, recursion: Lanes, sums: Lanes
) -> None:
    """Sum w f_c u_j over neighbours, for the rows mb ≤ j/2, without the factors `norm`."""
    zero, one = splat(sums, 0), splat(sums, 1)
    for k in range(sums.shape[0]):
        store(sums, k, zero)
    for k in range(n_neighbours):
        store(recursion, 0, load(rotations, ROWS_PER_NEIGHBOUR * k + 4))
        store(recursion, 1, zero)
        store(sums, 0, multiply_add(one, load(recursion, 0), load(sums, 0)))
        for j in range(1, tables.twojmax + 1):
            _raise(rotations, k, recursion, j, tables.twojmax + 1)
            for mb in range(j // 2 + 1):
                into = 2 * (tables.first[j] + mb * (j + 1))
                source = 2 * mb * (tables.twojmax + 1)
                for row in range(2 * (j + 1)):
                    raised = load(recursion, source + row)
                    store(sums, into + row, multiply_add(one, raised, load(sums, into + row)))


@inlined
def complete(sums: Lanes, tables: AdjointTables, total: Lanes) -> None:
    """Apply `norm`, add the point's own identity, and mirror the rows mb > j/2."""
    zero = splat(sums, 0)
    for j in range(tables.twojmax + 1):
        last = tables.first[j] + tables.first[j + 1] - 1
        for mb in range(j // 2 + 1):
            for ma in range(j + 1):
                k = tables.first[j] + mb * (j + 1) + ma
                norm = splat(sums, tables.norm[k])
                sign = splat(sums, 1 - 2 * ((mb + ma) % 2))
                own = splat(sums, 1 if ma == mb else 0)
                real = multiply_add(norm, load(sums, 2 * k), own)
                imag = multiply(norm, load(sums, 2 * k + 1))
                if 2 * mb < j:
                    store(total, 2 * (last - k), multiply(sign, real))
                    store(total, 2 * (last - k) + 1, multiply_subtract(sign, imag, zero))
                store(total, 2 * k, real)
                store(total, 2 * k + 1, imag)


@inlined
def _raise(rotations: Lanes, k: int, rows: Lanes, j: int, stride: int) -> None:
    """Raise the rows mb ≤ j/2 of u_{j−1} to u_j in place.

    u_j[mb, ma] = a* u_{j−1}[mb, ma] − b* u_{j−1}[mb, ma−1]; the row j/2 of an even j grows out
    of the mirrored half, u[j−mb, j−ma] = (−1)^(mb + ma) u[mb, ma]*.
    """
    zero = splat(rows, 0)
    if j % 2 == 0:
        for ma in range(j):
            source = 2 * ((j // 2 - 1) * stride + ma)
            target = 2 * (j // 2 * stride + j - 1 - ma)
            sign = splat(rows, 1 - 2 * ((j // 2 - 1 + ma) % 2))
            store(rows, target, multiply(sign, load(rows, source)))
            store(rows, target + 1, multiply_subtract(sign, load(rows, source + 1), zero))
    first = ROWS_PER_NEIGHBOUR * k
    ar, ai = load(rotations, first), load(rotations, first + 1)
    br, bi = load(rotations, first + 2), load(rotations, first + 3)
    for mb in range(j // 2 + 1):
        left_r, left_i = zero, zero
        for ma in range(j + 1):
            at = 2 * (mb * stride + ma)
            real = multiply_subtract(bi, left_i, multiply(br, left_r))
            imag = multiply_add(bi, left_r, multiply(br, left_i))
            if ma < j:
                left_r, left_i = load(rows, at), load(rows, at + 1)
                real = multiply_subtract(ai, left_i, multiply_add(ar, left_r, real))
                imag = multiply_add(ai, left_r, multiply_add(ar, left_i, imag))
            store(rows, at, real)
            store(rows, at + 1, imag)


@inlined
def fold(adjoint: Lanes, tables: AdjointTables, folded: Lanes) -> None:
    """Carry dE/dU_j of mirrored rows over to the rows mb ≤ j/2, and take back `norm`."""
    for j in range(tables.twojmax + 1):
        last = tables.first[j] + tables.first[j + 1] - 1
        for k in range(tables.first[j], tables.first[j] + (j // 2 + 1) * (j + 1)):
            column, line = (k - tables.first[j]) % (j + 1), (k - tables.first[j]) // (j + 1)
            norm = splat(adjoint, tables.norm[k])
            signed = splat(adjoint, (1 - 2 * ((line + column) % 2)) * tables.norm[k])
            image = 2 * (last - k)
            real = multiply_add(signed, load(adjoint, image), multiply(norm, load(adjoint, 2 * k)))
            imag = multiply(norm, load(adjoint, 2 * k + 1))
            store(folded, 2 * k, real)
            store(folded, 2 * k + 1, multiply_subtract(signed, load(adjoint, image + 1), imag))


@inlined
def slope_factors(folded: Lanes, tables: AdjointTables, slopes: Lanes) -> None:
    """Compute what each element of u_{j−1} counts in the derivatives of Re Σ F_j* u_j.

    With A = a* and B = −b*, ∂u_j[mb, ma] is (j − mb) u_{j−1}[mb, ma] by A,
    (j − mb) u_{j−1}[mb, ma−1] by B, mb u_{j−1}[mb−1, ma−1] by A*, and −mb u_{j−1}[mb−1, ma]
    by B*. In row j/2 of an even j, derivatives by A and A* are equal, as are those by B and
    B*, and :func:`fold` has counted it twice: there, only those by A* and B* are taken.
    """
    at = 0
    for j in range(1, tables.twojmax + 1):
        for n in range((j + 1) // 2):
            here = tables.first[j] + n * (j + 1)
            below = here + j + 1
            up = splat(folded, j - n)
            # The row below is not in the half that is stored if n is the middle of u_{j−1}.
            down = splat(folded, n + 1 if 2 * (n + 1) <= j else 0)
            for m in range(j):
                _write_slope(folded, here + m, up, below + m + 1, down, slopes, at)
                minus = multiply_subtract(splat(folded, 1), down, splat(folded, 0))
                _write_slope(folded, here + m + 1, up, below + m, minus, slopes, at + 4)
                at += ROWS_PER_SLOPE


@inlined
def _write_slope(
    folded: Lanes, one: int, up: Lanes, other: int, down: Lanes, slopes: Lanes, at: int
) -> None:
    """Write the factors of P u dA + Q u dA*, with P and Q conjugates of `folded`.

    By Re A it is Re (P + Q) u, by Im A it is Im (Q − P) u.
    """
    p_real, p_minus = multiply(up, load(folded, 2 * one)), multiply(up, load(folded, 2 * one + 1))
    q_real, q_minus = load(folded, 2 * other), load(folded, 2 * other + 1)
    store(slopes, at, multiply_add(down, q_real, p_real))
    store(slopes, at + 1, multiply_add(down, q_minus, p_minus))
    store(slopes, at + 2, multiply_subtract(down, q_minus, p_minus))
    swapped = multiply_subtract(down, q_real, p_real)
    store(slopes, at + 3, multiply_subtract(splat(folded, 1), swapped, splat(folded, 0)))


@inlined
def differentiate(
    rotations: Lanes,
    n_neighbours: int,
    folded: Lanes,
    slopes: Lanes,
    tables: AdjointTables,
    recursion: Lanes,
    result: Lanes,
) -> None:
    """Compute E = Re Σ_j F_j* u_j of each neighbour, and its derivatives by the quaternion.

    The first axis of `folded`, `slopes` and `result` counts energies; u_j serves all of them.
    """
    zero = splat(recursion, 0)
    for k in range(n_neighbours):
        into = ROWS_PER_RESULT * k
        store(recursion, 0, splat(recursion, 1))
        store(recursion, 1, zero)
        for m in range(len(result)):
            for c in range(4):
                store(result[m], into + c, zero)
            # The row 0 is also the middle row of j = 0, which `fold` has counted twice.
            half = multiply(splat(recursion, 0.5), load(folded[m], 0))
            store(result[m], into + 4, half)
        at = 0
        for j in range(1, tables.twojmax + 1):
            if j > 1:
                _raise(rotations, k, recursion, j - 1, tables.twojmax + 1)
            for m in range(len(result)):
                _add_slopes(
                    rotations, k, recursion, j, tables.twojmax + 1, slopes[m], at, result[m]
                )
            at += ROWS_PER_SLOPE * j * ((j + 1) // 2)


@inlined
def _add_slopes(
    rotations: Lanes,
    k: int,
    rows: Lanes,
    j: int,
    stride: int,
    slopes: Lanes,
    at: int,
    result: Lanes,
) -> None:
    """Add the derivatives of degree j, and the value by Euler's theorem: q·∂E = j E."""
    zero, one = splat(rows, 0), splat(rows, 1)
    ar, ai, br, bi = zero, zero, zero, zero
    for n in range((j + 1) // 2):
        for m in range(j):
            real, imag = load(rows, 2 * (n * stride + m)), load(rows, 2 * (n * stride + m) + 1)
            ar = multiply_add(load(slopes, at), real, ar)
            ar = multiply_add(load(slopes, at + 1), imag, ar)
            ai = multiply_add(load(slopes, at + 2), real, ai)
            ai = multiply_add(load(slopes, at + 3), imag, ai)
            br = multiply_add(load(slopes, at + 4), real, br)
            br = multiply_add(load(slopes, at + 5), imag, br)
            bi = multiply_add(load(slopes, at + 6), real, bi)
            bi = multiply_add(load(slopes, at + 7), imag, bi)
            at += ROWS_PER_SLOPE
    first, into = ROWS_PER_NEIGHBOUR * k, ROWS_PER_RESULT * k
    value = multiply(load(rotations, first), ar)
    value = multiply_add(load(rotations, first + 1), ai, value)
    value = multiply_add(load(rotations, first + 2), br, value)
    value = multiply_add(load(rotations, first + 3), bi, value)
    store(result, into, multiply_add(one, ar, load(result, into)))
    store(result, into + 1, multiply_add(one, ai, load(result, into + 1)))
    store(result, into + 2, multiply_add(one, br, load(result, into + 2)))
    store(result, into + 3, multiply_add(one, bi, load(result, into + 3)))
    store(result, into + 4, multiply_add(splat(rows, 1 / j), value, load(result, into + 4)))


@inlined
def pull(
    geometry: Lanes,
    owners: NDArray[np.int64],
    n_neighbours: int,
    result: Lanes,
    gradient: NDArray[np.float64],
    virial: NDArray[np.float64],
    reaction: NDArray[np.float64],
) -> None:
    """Turn derivatives by weight and quaternion into those by the atoms' positions and a strain.

    The quaternion is (cos θ, sin θ n_z, −sin θ n_y, −sin θ n_x) with n the direction from the
    atom to the point, and θ and the switching function depend on the distance. `reaction` gets
    the derivatives by the positions of the points, as many as it has rows for.
    """
    for k in range(n_neighbours):
        for lane in range(geometry.shape[1]):
            if owners[k, lane] < 0:
                continue
            row, from_ = ROWS_PER_NEIGHBOUR * k, ROWS_PER_RESULT * k
            x, y, z = geometry[row, lane], geometry[row + 1, lane], geometry[row + 2, lane]
            r = np.sqrt(x * x + y * y + z * z)
            x, y, z = x / r, y / r, z / r
            steepness, half = np.pi * geometry[row + 3, lane], 0.5 * np.pi * geometry[row + 3, lane]
            theta = ANGLE_FACTOR * steepness * r
            switch = geometry[row + 4, lane] * np.cos(half * r) ** 2
            falling = -geometry[row + 4, lane] * half * np.sin(steepness * r)
            tx, ty, tz = -result[from_ + 3, lane], -result[from_ + 2, lane], result[from_ + 1, lane]
            along = tx * x + ty * y + tz * z
            turning = np.cos(theta) * along - np.sin(theta) * result[from_, lane]
            radial = falling * result[from_ + 4, lane]
            radial += switch * ANGLE_FACTOR * steepness * turning
            across = switch * np.sin(theta) / r
            pull_x = radial * x + across * (tx - along * x)
            pull_y = radial * y + across * (ty - along * y)
            pull_z = radial * z + across * (tz - along * z)
            atom = owners[k, lane]
            gradient[atom, 0] -= pull_x
            gradient[atom, 1] -= pull_y
            gradient[atom, 2] -= pull_z
            if lane < len(reaction):
                reaction[lane, 0] += pull_x
                reaction[lane, 1] += pull_y
                reaction[lane, 2] += pull_z
            # A strain stretches the vector from the atom to the point.
            virial[0, 0] += r * x * pull_x
            virial[0, 1] += r * x * pull_y
            virial[0, 2] += r * x * pull_z
            virial[1, 0] += r * y * pull_x
            virial[1, 1] += r * y * pull_y
            virial[1, 2] += r * y * pull_z
            virial[2, 0] += r * z * pull_x
            virial[2, 1] += r * z * pull_y
            virial[2, 2] += r * z * pull_z
