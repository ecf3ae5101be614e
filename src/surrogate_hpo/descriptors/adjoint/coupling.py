"""Compiled derivative of the components' couplings B = Σ c U_x U_y U_z* by all U."""

from numba import literal_unroll

from surrogate_hpo.descriptors.lanes import (
    Lanes,
    complex_product,
    dot,
    inlined,
    load,
    multiply,
    multiply_add,
    multiply_subtract,
    numbers,
    splat,
    store,
)
from surrogate_hpo.descriptors.tables import TOGETHER, TOGETHER_ZEROS, Tables


@inlined
def couple(total: Lanes, given: Lanes, tables: Tables, adjoint: Lanes) -> None:
    """Compute dE/dU of all elements, mirrored or not, as if they were independent."""
    for k in range(adjoint.shape[0]):
        store(adjoint, k, splat(total, 0))
    for zeros in literal_unroll(TOGETHER_ZEROS):
        _couple(total, given, tables, adjoint, zeros)


@inlined
def _couple(
    total: Lanes, given: Lanes, tables: Tables, adjoint: Lanes, zeros: tuple[int, ...]
) -> None:
    """Differentiate Σ_rows w · Re[(Σ_columns c · U_x · U_y) · U_z*] for several z together.

    With G = Σ_z w c U_z of all of them, the derivatives by U_x and U_y are U_y* G and U_x* G: two
    products for a column, however many z there are.
    """
    jobs, coefficients = tables.jobs, tables.coefficients
    none = splat(total, zeros)
    for job in range(tables.spans[len(zeros), 0], tables.spans[len(zeros), 1]):
        column_x, column_y, columns = jobs[job, 1], jobs[job, 2], jobs[job, 3]
        first_coefficient, first_row, end_row = jobs[job, 4], jobs[job, 5], jobs[job, 6]
        shift = 2 * (column_x + column_y)
        here, there = total[shift:], adjoint[shift:]
        slopes = load(given, numbers(tables.components, jobs[job, 0], zeros))
        for row in range(first_row, end_row):
            x = tables.rows[row, 0] + 2 * column_x
            y = tables.rows[row, 1] + 2 * column_y
            z = numbers(tables.row_targets, TOGETHER * row, zeros)
            weight = splat(total, numbers(tables.row_weights, TOGETHER * row, zeros))
            weight = multiply(weight, slopes)
            z_real = multiply(weight, load(here, z))
            z_imag = multiply(weight, load(here[1:], z))
            at = first_coefficient
            real, imag = none, none
            for _ in range(columns):
                x_real, x_imag = load(total, x), load(total, x + 1)
                y_real, y_imag = load(total, y), load(total, y + 1)
                product_real, product_imag = complex_product(x_real, x_imag, y_real, y_imag)
                c = splat(total, numbers(coefficients, at, zeros))
                real = multiply_add(c, product_real, real)
                imag = multiply_add(c, product_imag, imag)
                g_real, g_imag = dot(c, z_real), dot(c, z_imag)
                _add_product(adjoint, x, y_real, y_imag, g_real, g_imag)
                _add_product(adjoint, y, x_real, x_imag, g_real, g_imag)
                x, y, at = x + 2, y - 2, at + TOGETHER
            store(there, z, multiply_add(weight, real, load(there, z)))
            store(there[1:], z, multiply_add(weight, imag, load(there[1:], z)))


@inlined
def _add_product(
    adjoint: Lanes, at: int, left_r: Lanes, left_i: Lanes, right_r: Lanes, right_i: Lanes
) -> None:
    """Add left*·right to one element."""
    real = multiply_add(left_r, right_r, load(adjoint, at))
    imag = multiply_add(left_r, right_i, load(adjoint, at + 1))
    store(adjoint, at, multiply_add(left_i, right_i, real))
    store(adjoint, at + 1, multiply_subtract(left_i, right_r, imag))
