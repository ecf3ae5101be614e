"""Compiled sums over neighbours for the adjoint: rotation matrices and their slopes.

U_j is a polynomial of degree j in the quaternion (a*, −b*) of a neighbour, and its derivatives
are elements of U_{j−1}. What a neighbour adds to the gradient is therefore again a sum over
rotation matrices, with four coefficients in the place of one; no recursion runs backwards.
Complex numbers are pairs of rows of a lane array, see ``lanes``.
"""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.geometry import (
    ANGLE_FACTOR,
    ROWS_PER_NEIGHBOUR,
    angles,
    double_angle,
)
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    divide,
    inlined,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
)
from surrogate_hpo.descriptors.tables import Tables

# Rows per element of U_{j−1}: the factors of its real and imaginary part in the derivatives
# by Re a*, Im a*, Re(−b*), Im(−b*).
ROWS_PER_SLOPE = 8
# Rows per neighbour: these four derivatives, and the value.
ROWS_PER_RESULT = 5


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
def fold(adjoint: Lanes, tables: Tables, norms: NDArray[np.float64], folded: Lanes) -> None:
    """Carry dE/dU_j of mirrored rows over to the rows mb ≤ j/2, and take back `norm`."""
    for j in range(tables.twojmax + 1):
        last = tables.first[j] + tables.first[j + 1] - 1
        for k in range(tables.first[j], tables.first[j] + (j // 2 + 1) * (j + 1)):
            column, line = (k - tables.first[j]) % (j + 1), (k - tables.first[j]) // (j + 1)
            norm = splat(adjoint, norms[k])
            signed = splat(adjoint, (1 - 2 * ((line + column) % 2)) * norms[k])
            image = 2 * (last - k)
            real = multiply_add(signed, load(adjoint, image), multiply(norm, load(adjoint, 2 * k)))
            imag = multiply(norm, load(adjoint, 2 * k + 1))
            store(folded, 2 * k, real)
            store(folded, 2 * k + 1, multiply_subtract(signed, load(adjoint, image + 1), imag))


@inlined
def slope_factors(folded: Lanes, tables: Tables, slopes: Lanes) -> None:
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
    tables: Tables,
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
    geometry: Lanes, rotations: Lanes, n_neighbours: int, result: Lanes, virial: Lanes
) -> None:
    """Turn derivatives by weight and quaternion into those by the vector from atom to point.

    The quaternion is (cos θ, sin θ n_z, −sin θ n_y, −sin θ n_x) with n the direction from the
    atom to the point, and θ and the switching function depend on the distance. They take the first
    three rows of a neighbour in `result`; `virial` gets their products with the vector, [9 rows].
    """
    one, two, zero = splat(geometry, 1), splat(geometry, 2), splat(geometry, 0)
    steep = splat(geometry, np.pi)
    for k in range(n_neighbours):
        row, into = ROWS_PER_NEIGHBOUR * k, ROWS_PER_RESULT * k
        x, y, z = load(geometry, row), load(geometry, row + 1), load(geometry, row + 2)
        r, sine, cosine, quarter_sine, quarter_cosine = angles(geometry, row)
        per_r, per_cutoff = divide(one, r), load(geometry, row + 3)
        slope = multiply(per_r, multiply(two, multiply(sine, cosine)))
        sine = multiply(two, multiply(quarter_sine, quarter_cosine))
        cosine = double_angle(quarter_sine, one, two)
        steepness = multiply(steep, per_cutoff)
        falling = multiply(multiply(load(geometry, row + 4), steepness), multiply(sine, cosine))
        switch = load(rotations, row + 4)
        tx = multiply_subtract(one, load(result, into + 3), zero)
        ty = multiply_subtract(one, load(result, into + 2), zero)
        tz = load(result, into + 1)
        along = multiply(per_r, multiply_add(tx, x, multiply_add(ty, y, multiply(tz, z))))
        turning = multiply(load(rotations, row), along)
        turning = multiply_subtract(multiply(slope, r), load(result, into), turning)
        turning = multiply(multiply(splat(geometry, ANGLE_FACTOR), steepness), turning)
        radial = multiply_subtract(falling, load(result, into + 4), multiply(switch, turning))
        # n (radial − across·along) + across·t
        across = multiply(switch, slope)
        radial = multiply(per_r, multiply_subtract(across, along, radial))
        for axis, pulled in enumerate(
            (
                multiply_add(radial, x, multiply(across, tx)),
                multiply_add(radial, y, multiply(across, ty)),
                multiply_add(radial, z, multiply(across, tz)),
            )
        ):
            store(result, into + axis, pulled)
            # A strain stretches the vector from the atom to the point.
            store(virial, axis, multiply_add(x, pulled, load(virial, axis)))
            store(virial, 3 + axis, multiply_add(y, pulled, load(virial, 3 + axis)))
            store(virial, 6 + axis, multiply_add(z, pulled, load(virial, 6 + axis)))


@inlined
def hand_out(
    owners: NDArray[np.int64],
    n_neighbours: int,
    result: Lanes,
    gradient: NDArray[np.float64],
    reaction: NDArray[np.float64],
) -> None:
    """Add what `pull` has left in `result` to the atoms.

    `reaction` gets the derivatives by the positions of the points, as many as it has rows for.
    """
    for k in range(n_neighbours):
        row = ROWS_PER_RESULT * k
        for lane in range(owners.shape[1]):
            atom = owners[k, lane]
            if atom < 0:
                continue
            for axis in range(3):
                gradient[atom, axis] -= result[row + axis, lane]
                if lane < len(reaction):
                    reaction[lane, axis] += result[row + axis, lane]
