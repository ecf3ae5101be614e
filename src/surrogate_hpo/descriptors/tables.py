"""Constant tables that the compiled kernel walks through for one band limit."""

from functools import lru_cache
from math import factorial, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import clebsch_gordan, triples

_Rows = tuple[int, int, int]


class Tables(NamedTuple):
    """Where the kernel finds its numbers; U_j is stored row by row, one j after the other.

    Attributes
    ----------
    twojmax
        2·J_max.
    first
        Index of the first element of U_j in the list of all, [twojmax + 2].
    norm
        sqrt(ma! (j − ma)! / (mb! (j − mb)!)) of every element U_j[mb, ma], [elements].
    triples
        j1, j2, j of each component, its first line of `runs`, and its first and one past
        its last line of `rows`, [components, 6].
    runs
        For each m2 of each triple: the lowest and one past the highest m1 that couple with
        it to some m, that lowest m, and where the coefficients start, [lines, 4].
    coefficients
        Clebsch-Gordan coefficients in the order of `runs`, m1 upwards.
    rows
        m1, m2, m of the row triples that differ by symmetry, m1 slowest, [lines, 3].
    row_weights
        Clebsch-Gordan coefficient of each of `rows` times its number of equals.
    """

    twojmax: int
    first: NDArray[np.int64]
    norm: NDArray[np.float64]
    triples: NDArray[np.int64]
    runs: NDArray[np.int64]
    coefficients: NDArray[Any]
    rows: NDArray[np.int64]
    row_weights: NDArray[Any]


@lru_cache(maxsize=16)
def kernel_tables(twojmax: int, precision: str) -> Tables:
    """Build the tables of one band limit.

    Parameters
    ----------
    twojmax
        2·J_max.
    precision
        ``"float64"`` or ``"float32"``: the type of the coupling coefficients.

    Returns
    -------
    Tables
        Read-only by convention: one instance serves all callers and threads.
    """
    sizes = [(j + 1) ** 2 for j in range(twojmax + 1)]
    norm = [
        sqrt(factorial(ma) * factorial(j - ma) / (factorial(mb) * factorial(j - mb)))
        for j in range(twojmax + 1)
        for mb in range(j + 1)
        for ma in range(j + 1)
    ]
    heads: list[tuple[int, ...]] = []
    runs: list[tuple[int, int, int, int]] = []
    coefficients: list[float] = []
    rows: list[_Rows] = []
    row_weights: list[float] = []
    for j1, j2, j in triples(twojmax):
        coupling = clebsch_gordan(j1, j2, j)
        head = (j1, j2, j, len(runs), len(rows))
        excess = (j1 + j2 - j) // 2
        for m2 in range(j2 + 1):
            low, high = max(0, excess - m2), min(j1, j + excess - m2) + 1
            runs.append((low, high, low + m2 - excess, len(coefficients)))
            coefficients.extend(coupling[low:high, m2])
        for (m1, m2, m), equals in _distinct_rows(j1, j2, j).items():
            rows.append((m1, m2, m))
            row_weights.append(equals * coupling[m1, m2])
        heads.append((*head, len(rows)))
    return Tables(
        twojmax,
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array(norm),
        np.array(heads, np.int64),
        np.array(runs, np.int64),
        np.array(coefficients, precision),
        np.array(rows, np.int64),
        np.array(row_weights, precision),
    )


def _distinct_rows(j1: int, j2: int, j: int) -> dict[_Rows, int]:
    """Count the row triples (m1, m2, m) of a component that contribute the same number.

    A component is Σ_rows C_rows Σ_columns C_columns U_j1 U_j2 U_j*, summed over all m with
    m1 + m2 = m (in textbook projections). Two symmetries map one row triple on another of
    equal value: U[j − mb, j − ma] = ±U[mb, ma]* turns all projections around; and equal
    angular momenta can be exchanged, if m is written as −m to put all three on a par.
    """
    excess = (j1 + j2 - j) // 2
    counts: dict[_Rows, int] = {}
    for m1 in range(j1 + 1):
        for m2 in range(max(0, excess - m1), min(j2, j + excess - m1) + 1):
            on_par = (m1, m2, j - (m1 + m2 - excess))
            turned = (j1 - on_par[0], j2 - on_par[1], j - on_par[2])
            images = {
                (picked[p], picked[q], picked[r])
                for picked in (on_par, turned)
                for p, q, r in _exchanges(j1, j2, j)
            }
            one, two, three = min(images)
            key = (one, two, j - three)
            counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def _exchanges(j1: int, j2: int, j: int) -> list[_Rows]:
    """List the permutations of positions that leave (j1, j2, j) as it is."""
    orders = [(0, 1, 2), (1, 0, 2), (2, 1, 0), (0, 2, 1), (1, 2, 0), (2, 0, 1)]
    momenta = (j1, j2, j)
    return [o for o in orders if tuple(momenta[k] for k in o) == momenta]
