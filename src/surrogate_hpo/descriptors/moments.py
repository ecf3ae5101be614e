"""Compiled sums over neighbours: moments of their rotations, and U_j made of them.

An element of u_j(a, b) is a^p b^q, or a^p (−b*)^q, times a polynomial in t = |a|² − |b|²,
a Jacobi polynomial; the other half of the elements follows from u[j − mb, j − ma] =
±u[mb, ma]*. So the sums Σ_i w_i f_c(r_i) a_i^p b_i^q T_n(t_i), with Chebyshev polynomials
T_n, contain all U_j: fewer than a recursion takes for each neighbour. They are complex, in
the order q = −2J_max … 2J_max (negative: with −b* for b), p = 0 … 2J_max − |q|,
n = 0 … (2J_max − |q| − p)/2; those with q < 0 and p = 0 are left out as conjugates of others.
"""

from surrogate_hpo.descriptors.geometry import ROWS_PER_NEIGHBOUR
from surrogate_hpo.descriptors.lanes import (
    Lanes,
    complex_product,
    inlined,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    splat,
    store,
    store_part,
)
from surrogate_hpo.descriptors.tables import Tables


def factor_rows(twojmax: int) -> int:
    """Rows of lanes that `sum_moments` takes as working memory in `factors`."""
    return 2 * (twojmax // 2 + 1) + 4 * (twojmax + 1)


@inlined
def sum_moments(
    rotations: Lanes, n_neighbours: int, twojmax: int, factors: Lanes, moments: Lanes
) -> None:
    """Sum the moments of all neighbours, taken two by two: their number must be even."""
    zero = splat(moments, 0)
    for k in range(moments.shape[0]):
        store(moments, k, zero)
    for k in range(0, n_neighbours, 2):
        _fill_factors(rotations, k, twojmax, factors)
        _add_pair(rotations, k, twojmax, factors, moments)


@inlined
def _fill_factors(rotations: Lanes, k: int, twojmax: int, factors: Lanes) -> None:
    """Write, for two neighbours, all w·T_n(t) and after them real and imaginary parts of b^q."""
    zero, one, two = splat(factors, (0, 0)), splat(factors, (1, 1)), splat(factors, (2, 2))
    row, next_row = ROWS_PER_NEIGHBOUR * k, ROWS_PER_NEIGHBOUR * (k + 1)
    ar, ai = load(rotations, (row, next_row)), load(rotations, (row + 1, next_row + 1))
    br, bi = load(rotations, (row + 2, next_row + 2)), load(rotations, (row + 3, next_row + 3))
    weight = load(rotations, (row + 4, next_row + 4))
    t = multiply_subtract(one, one, multiply(two, multiply_add(ar, ar, multiply(ai, ai))))
    twice = multiply(two, t)
    # T_−1 = T_1 starts the recursion T_n = 2t T_n−1 − T_n−2.
    before, now = multiply(t, weight), weight
    for n in range(twojmax // 2 + 1):
        store(factors, (2 * n, 2 * n + 1), now)
        before, now = now, multiply_subtract(one, before, multiply(twice, now))
    real, imag = one, zero
    start = 2 * (twojmax // 2 + 1)
    for q in range(twojmax + 1):
        store(factors, (start + 4 * q, start + 4 * q + 1), real)
        store(factors, (start + 4 * q + 2, start + 4 * q + 3), imag)
        real, imag = complex_product(real, imag, br, bi)


@inlined
def _add_pair(rotations: Lanes, k: int, twojmax: int, factors: Lanes, moments: Lanes) -> None:
    """Add two neighbours to the moments."""
    row, next_row = ROWS_PER_NEIGHBOUR * k, ROWS_PER_NEIGHBOUR * (k + 1)
    ar, ai = load(rotations, (row, next_row)), load(rotations, (row + 1, next_row + 1))
    into = 0
    for q in range(-twojmax, twojmax + 1):
        power = 2 * (twojmax // 2 + 1) + 4 * abs(q)
        sign = -1 if q < 0 and q % 2 != 0 else 1
        mirror = -sign if q < 0 else sign
        real = multiply(splat(factors, (sign, sign)), load(factors, (power, power + 1)))
        imag = multiply(splat(factors, (mirror, mirror)), load(factors, (power + 2, power + 3)))
        for p in range(q < 0, twojmax - abs(q) + 1):
            if p > 0:
                real, imag = complex_product(real, imag, ar, ai)
            for n in range((twojmax - abs(q) - p) // 2 + 1):
                polynomial = load(factors, (2 * n, 2 * n + 1))
                sum_real, sum_imag = load(moments, into), load(moments, into + 1)
                sum_real = multiply_add(real[0], polynomial[0], sum_real)
                sum_imag = multiply_add(imag[0], polynomial[0], sum_imag)
                store(moments, into, multiply_add(real[1], polynomial[1], sum_real))
                store(moments, into + 1, multiply_add(imag[1], polynomial[1], sum_imag))
                into += 2


@inlined
def complete(moments: Lanes, tables: Tables, total: Lanes, first_lane: int) -> None:
    """Make all U_j out of the moments, add the point's own identity, and round.

    Single precision begins here: single sums over many neighbours would be the largest error.
    """
    at, coefficient = 0, 0
    for q in range(-tables.twojmax, tables.twojmax + 1):
        own = splat(moments, 1.0 if q == 0 else 0.0)
        sign = 1 - 2 * (q % 2)
        for p in range(q < 0, tables.twojmax - abs(q) + 1):
            count = (tables.twojmax - abs(q) - p) // 2 + 1
            for k in range(count):
                j = p + abs(q) + 2 * k
                first, last = tables.first[j], tables.first[j + 1] - 1
                element = k * (j + 2) + (q if q > 0 else -q * (j + 1))
                real, imag = own, splat(moments, 0)
                for n in range(k + 1):
                    factor = splat(moments, tables.radial[coefficient + n])
                    real = multiply_add(factor, load(moments, at + 2 * n), real)
                    imag = multiply_add(factor, load(moments, at + 2 * n + 1), imag)
                coefficient += k + 1
                store_part(total, 2 * (first + element), first_lane, real)
                store_part(total, 2 * (first + element) + 1, first_lane, imag)
                mirror = splat(moments, sign)
                store_part(total, 2 * (last - element), first_lane, multiply(mirror, real))
                imag = multiply_subtract(mirror, imag, splat(moments, 0))
                store_part(total, 2 * (last - element) + 1, first_lane, imag)
            at += 2 * count
