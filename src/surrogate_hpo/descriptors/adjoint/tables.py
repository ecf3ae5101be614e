"""Constant tables of the adjoint kernel for one band limit."""

from collections import Counter, defaultdict
from functools import lru_cache
from itertools import accumulate, combinations
from math import comb, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import clebsch_gordan, equal_row_pairs, triples

_Pair = tuple[int, int]
# Momentum z, its component, and the factor between B(x, y, z) and this component.
_Partner = tuple[int, int, float]


class AdjointTables(NamedTuple):
    """Where the adjoint kernel finds its numbers; U_j is stored row by row, j after j.

    Attributes
    ----------
    twojmax
        2·J_max.
    first
        Index of the first element of U_j in the list of all, [twojmax + 2].
    norm
        sqrt(ma! (j − ma)! / (mb! (j − mb)!)) of every element U_j[mb, ma], [elements].
    jobs
        For U_x·U_y coupled to one or two U_z, and one sum of column projections: the two
        components, the columns of U_x and U_y where it starts, the number of columns, the
        two columns of U_z, the first line of `coefficients`, and the first and one past
        the last line of `rows`, [jobs, 10].
    couplings
        For U_x, U_y and one or two U_z: the first and one past the last of their `jobs`, the
        component of each z, and of x, y and both z the index of the first element and the
        number of elements, [couplings, 12].
    rows
        Index of the first element of the rows of U_x, U_y and the two U_z, [lines, 4].
    row_weights
        Clebsch-Gordan coefficients of the rows for both z, times the number of row pairs
        of equal value, times (j + 1)/(z + 1) of the component; 0 if there is no such row.
    coefficients
        Clebsch-Gordan coefficients of the columns for both z, columns of U_x upwards.
    """

    twojmax: int
    first: NDArray[np.int64]
    norm: NDArray[np.float64]
    jobs: NDArray[np.int64]
    couplings: NDArray[np.int64]
    rows: NDArray[np.int64]
    row_weights: NDArray[np.float64]
    coefficients: NDArray[np.float64]


class _Lists(NamedTuple):
    """The tables of the coupling as they grow."""

    jobs: list[tuple[int, ...]]
    couplings: list[tuple[int, ...]]
    rows: list[tuple[int, ...]]
    row_weights: list[tuple[float, ...]]
    coefficients: list[tuple[float, ...]]


@lru_cache(maxsize=16)
def adjoint_tables(twojmax: int) -> AdjointTables:
    """Build the tables of one band limit.

    Parameters
    ----------
    twojmax
        2·J_max.

    Returns
    -------
    AdjointTables
        Read-only by convention: one instance serves all callers and threads.
    """
    first = [0, *accumulate((j + 1) ** 2 for j in range(twojmax + 1))]
    ways = [[comb(j, m) for m in range(j + 1)] for j in range(twojmax + 1)]
    norm = [sqrt(mb / ma) for of_j in ways for mb in of_j for ma in of_j]
    lists = _Lists([], [], [], [], [])
    for (x, y), partners in sorted(_shared_pairs(twojmax).items()):
        for begin in range(0, len(partners), 2):
            _couple(first, x, y, partners[begin : begin + 2], lists)
    return AdjointTables(
        twojmax,
        np.array(first, np.int64),
        np.array(norm),
        np.array(lists.jobs, np.int64),
        np.array(lists.couplings, np.int64),
        np.array(lists.rows, np.int64),
        np.array(lists.row_weights),
        np.array(lists.coefficients),
    )


def _shared_pairs(twojmax: int) -> dict[_Pair, list[_Partner]]:
    """Choose for each triple the two whose product is formed: few products serve many z.

    B/(j + 1) does not depend on the order of the three. Two equal momenta make a pair, as
    exchanging their rows halves the work; the others join the pair that most share.
    """
    pairs: dict[_Pair, list[_Partner]] = defaultdict(list)
    left = dict(enumerate(triples(twojmax)))
    popular = Counter(p for t in left.values() for p in set(combinations(sorted(t), 2)))
    for pair, _ in sorted(popular.items(), key=lambda item: (item[0][0] != item[0][1], -item[1])):
        for component, (j1, j2, j) in list(left.items()):
            rest = [j1, j2, j]
            if all(rest.count(x) >= pair.count(x) for x in pair):
                rest.remove(pair[0])
                rest.remove(pair[1])
                pairs[pair].append((rest[0], component, (j + 1) / (rest[0] + 1)))
                del left[component]
    return {pair: sorted(partners) for pair, partners in pairs.items()}


def _couple(first: list[int], x: int, y: int, partners: list[_Partner], lists: _Lists) -> None:
    """Append what couples U_x and U_y to one or two U_z.

    Projections count from 0, so that those of z are the sum of both less (x + y − z)/2.
    """
    twice = [*partners, *partners][:2]
    exist = [1, len(partners) - 1]
    momenta = [z for z, _, _ in twice]
    coupling = [e * clebsch_gordan(x, y, z) for e, z in zip(exist, momenta, strict=True)]

    def targets(total: int) -> list[int]:
        """Projections of the z, or 0 where there is none and the coefficient is zero."""
        there = [total - (x + y - z) // 2 for z in momenta]
        return [m if 0 <= m <= z else 0 for m, z in zip(there, momenta, strict=True)]

    begin, first_job = len(lists.rows), len(lists.jobs)
    for group in equal_row_pairs(x, y):
        mx, my = group[0]
        weights = [len(group) * f * c[mx, my] for c, (_, _, f) in zip(coupling, twice, strict=True)]
        if any(weights):
            lines = [first[z] + m * (z + 1) for z, m in zip(momenta, targets(mx + my), strict=True)]
            lists.rows.append((first[x] + mx * (x + 1), first[y] + my * (y + 1), *lines))
            lists.row_weights.append(tuple(weights))
    for total in range(x + y + 1):
        low, high = max(0, total - y), min(x, total)
        columns = [tuple(c[m, total - m] for c in coupling) for m in range(low, high + 1)]
        if np.any(columns):
            components = [c for _, c, _ in twice]
            where = low, total - low, len(columns), *targets(total), len(lists.coefficients)
            lists.jobs.append((*components, *where, begin, len(lists.rows)))
            lists.coefficients.extend(columns)
    blocks = [n for j in (x, y, *momenta) for n in (first[j], (j + 1) ** 2)]
    lists.couplings.append((first_job, len(lists.jobs), *(c for _, c, _ in twice), *blocks))
