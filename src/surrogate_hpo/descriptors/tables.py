"""Constant tables that the kernels walk through for one band limit."""

from collections import defaultdict
from functools import lru_cache
from itertools import accumulate
from math import comb, factorial, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from surrogate_hpo.descriptors.triples import clebsch_gordan, equal_row_pairs, triples

# Momenta z that share the products U_x·U_y: as many as leave their sums in registers.
TOGETHER = 4
# For each number of them as many zeros: compiled code is specialised by the length.
TOGETHER_ZEROS = tuple((0,) * n for n in range(1, TOGETHER + 1))


class Tables(NamedTuple):
    """Where a kernel finds its numbers; U_j is stored row by row, one j after the other.

    Attributes
    ----------
    twojmax
        2·J_max.
    n_moments
        Number of complex sums over neighbours that make up all U_j, see `.moments`.
    first
        Index of the first element of U_j in the list of all, [twojmax + 2].
    radial
        Coefficients of T_0 … T_k of every element, in the order of the moments.
    spans
        First and one past the last of the `jobs` that treat n momenta z together,
        [TOGETHER + 1, 2].
    jobs
        For the columns of one pair (x, y) with one sum of projections: the first of its
        momenta in `components`, the lowest column of U_x, its partner in U_y, the number
        of columns, where `coefficients` start, and the first and one past the last row of
        U_x and U_y to be multiplied, [jobs, 7].
    components
        Component of each momentum z of each pair (x, y).
    coefficients
        Clebsch-Gordan coefficients of columns, `TOGETHER` for each, columns of U_x upwards.
    rows
        Where a row of U_x starts and where its partner in U_y, counted in lanes: two for each
        complex element, [rows, 2].
    row_targets
        Where the row of U_z starts, counted in lanes, less the excess of columns;
        `TOGETHER` for each of `rows`.
    row_weights
        Clebsch-Gordan coefficient of the rows times their number of equals.
    """

    twojmax: int
    n_moments: int
    first: NDArray[np.int64]
    radial: NDArray[np.float64]
    spans: NDArray[np.int64]
    jobs: NDArray[np.int64]
    components: NDArray[np.int64]
    coefficients: NDArray[Any]
    rows: NDArray[np.int64]
    row_targets: NDArray[np.int64]
    row_weights: NDArray[Any]


class _Lists:
    """The tables of the contraction as they grow, pair by pair."""

    def __init__(self, first: list[int]) -> None:
        self.first = first
        self.jobs: list[tuple[int, ...]] = []
        self.components: list[int] = []
        self.coefficients: list[NDArray[np.float64]] = []
        self.rows: list[tuple[int, int]] = []
        self.row_targets: list[NDArray[np.int64]] = []
        self.row_weights: list[NDArray[np.float64]] = []


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
    first = [0, *accumulate((j + 1) ** 2 for j in range(twojmax + 1))]
    pairs: dict[tuple[int, int], list[tuple[int, int, float]]] = defaultdict(list)
    for component, triple in enumerate(triples(twojmax)):
        x, y, z = _shared_pair(triple)
        pairs[x, y].append((z, component, (triple[2] + 1) / (z + 1)))
    lists = _Lists(first)
    for (x, y), momenta in sorted(pairs.items()):
        falling = sorted(momenta, reverse=True)
        for begin in range(0, len(falling), TOGETHER):
            _couple(lists, x, y, falling[begin : begin + TOGETHER])
    jobs = np.array(sorted(lists.jobs, key=lambda job: job[0]), np.int64)
    ends = np.searchsorted(jobs[:, 0], np.arange(TOGETHER + 2))
    return Tables(
        twojmax,
        sum(((j + 1) ** 2 + 1) // 2 for j in range(twojmax + 1)),
        np.array(first, np.int64),
        _radial(twojmax),
        np.column_stack([ends[:-1], ends[1:]]).astype(np.int64),
        np.ascontiguousarray(jobs[:, 1:]),
        np.array(lists.components, np.int64),
        np.concatenate(lists.coefficients).astype(precision),
        np.array(lists.rows, np.int64),
        np.concatenate(lists.row_targets),
        np.concatenate(lists.row_weights).astype(precision),
    )


def _radial(twojmax: int) -> NDArray[np.float64]:
    """Expand the polynomial of every element U_j[mb, ma] with mb + ma ≤ j in Chebyshev's.

    U_j[k, k + q] is a^p b^q, p = j − q − 2k, times N Σ_s (−1)^(k−s) binomial(k, s)
    binomial(j − k, k + q − s) |a|^2s |b|^2(k−s), where |a|², |b|² = (1 ± t)/2; its mirror
    image U_j[k + q, k] has −b* for b.
    """
    coefficients: list[float] = []
    for signed in range(-twojmax, twojmax + 1):
        q = abs(signed)
        for p in range(signed < 0, twojmax - q + 1):
            for k in range((twojmax - q - p) // 2 + 1):
                j = p + q + 2 * k
                norm = factorial(k + q) * factorial(j - k - q) / factorial(k) / factorial(j - k)
                polynomial = np.zeros(k + 1)
                for s in range(k + 1):
                    ways = (-1) ** (k - s) * comb(k, s) * comb(j - k, k + q - s)
                    powers = chebyshev.chebpow([0.5, 0.5], s), chebyshev.chebpow([0.5, -0.5], k - s)
                    polynomial += ways * chebyshev.chebmul(*powers)
                coefficients.extend(sqrt(norm) * polynomial)
    return np.array(coefficients)


def _shared_pair(triple: tuple[int, int, int]) -> tuple[int, int, int]:
    """Order a triple as (x, y, z), such that many z share a pair (x, y).

    B/(j + 1) does not depend on the order. Equal momenta make the pair, as only there is the
    exchange of rows of use; else the two odd ones, and the largest if there are none.
    """
    low, middle, high = sorted(triple)
    if middle in (low, high):
        return middle, middle, high if low == middle else low
    if low % 2 == 0 and middle % 2 == 0:
        return middle, high, low
    odd = [j for j in (low, middle, high) if j % 2]
    return odd[0], odd[1], low + middle + high - sum(odd)


def _couple(lists: _Lists, x: int, y: int, momenta: list[tuple[int, int, float]]) -> None:
    """List what couples U_x and U_y to (z, component, factor) of falling z.

    Projections count from 0, so that those of z are the sum of both less the `excess`. The
    momenta that a sum can belong to are always the first few, because z is falling.
    """
    coupling = [clebsch_gordan(x, y, z) for z, _, _ in momenta]
    excess = np.array([(x + y - z) // 2 for z, _, _ in momenta])
    fitting = [int(np.sum(excess <= min(s, x + y - s))) for s in range(x + y + 1)]
    groups = equal_row_pairs(x, y)
    equals = {min(group, key=lambda r: (sum(r), r)): len(group) for group in groups}
    rows = sorted((r for r in equals if fitting[sum(r)]), key=lambda r: (-fitting[sum(r)], r))
    reach = [fitting[sum(r)] for r in rows]
    start, component = len(lists.rows), len(lists.components)
    lists.components.extend(c for _, c, _ in momenta)
    for mx, my in rows:
        targets, weights = np.zeros(TOGETHER, np.int64), np.zeros(TOGETHER)
        for i in range(fitting[mx + my]):
            z, _, factor = momenta[i]
            targets[i] = 2 * (lists.first[z] + (mx + my - excess[i]) * (z + 1) - excess[i])
            weights[i] = equals[mx, my] * factor * coupling[i][mx, my]
        starts = lists.first[x] + mx * (x + 1), lists.first[y] + my * (y + 1)
        lists.rows.append((2 * starts[0], 2 * starts[1]))
        lists.row_targets.append(targets)
        lists.row_weights.append(weights)
    for s in range(x + y + 1):
        low, high = max(0, s - y), min(x, s)
        here = component, low, s - low, high - low + 1, TOGETHER * len(lists.coefficients)
        for column in range(low, high + 1) if fitting[s] else ():
            line = [c[column, s - column] for c in coupling[: fitting[s]]]
            lists.coefficients.append(np.pad(line, (0, TOGETHER - len(line))))
        for n in range(1, fitting[s] + 1):
            # Rows that fit more momenta than these columns do are cut down to as many.
            begin = 0 if n == fitting[s] else sum(r > n for r in reach)
            end = sum(r >= n for r in reach)
            if begin < end:
                lists.jobs.append((n, *here, start + begin, start + end))
