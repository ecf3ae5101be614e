"""Constant tables that the compiled kernel walks through for one band limit."""

from functools import lru_cache
from math import factorial, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import clebsch_gordan, triples


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
        j1, j2, j and the first line of `couplings` of each component, [components, 4].
    couplings
        For each m = 0 … j of each triple: the lowest and one above the highest m1 that
        couples to it, the sum m1 + m2, and where its coefficients start, [lines, 4].
    coefficients
        Clebsch-Gordan coefficients in the order of `couplings`, m1 upwards.
    """

    twojmax: int
    first: NDArray[np.int64]
    norm: NDArray[Any]
    triples: NDArray[np.int64]
    couplings: NDArray[np.int64]
    coefficients: NDArray[Any]


@lru_cache(maxsize=16)
def kernel_tables(twojmax: int, precision: str) -> Tables:
    """Build the tables of one band limit.

    Parameters
    ----------
    twojmax
        2·J_max.
    precision
        ``"float64"`` or ``"float32"``: the type of `norm` and `coefficients`.

    Returns
    -------
    Tables
        Read-only by convention: one instance serves all callers and threads.
    """
    sizes = [(j + 1) ** 2 for j in range(twojmax + 1)]
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    norm = [
        sqrt(factorial(ma) * factorial(j - ma) / (factorial(mb) * factorial(j - mb)))
        for j in range(twojmax + 1)
        for mb in range(j + 1)
        for ma in range(j + 1)
    ]
    heads: list[tuple[int, int, int, int]] = []
    couplings: list[tuple[int, int, int, int]] = []
    coefficients: list[float] = []
    for j1, j2, j in triples(twojmax):
        heads.append((j1, j2, j, len(couplings)))
        table = clebsch_gordan(j1, j2, j)
        for m in range(j + 1):
            total = m + (j1 + j2 - j) // 2
            low, high = max(0, total - j2), min(j1, total) + 1
            couplings.append((low, high, total, len(coefficients)))
            coefficients.extend(table[m1, total - m1] for m1 in range(low, high))
    return Tables(
        twojmax,
        first,
        np.array(norm, precision),
        np.array(heads, np.int64),
        np.array(couplings, np.int64),
        np.array(coefficients, precision),
    )
