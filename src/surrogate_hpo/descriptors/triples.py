"""Index triples of the SNAP bispectrum and their Clebsch-Gordan coefficients.

All angular momenta are doubled, so that they are integers: ``j`` here is 2j of the
textbooks, and a projection m runs as an index 0 … j instead of −j/2 … j/2.
"""

from math import comb, factorial, sqrt

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError


def _check(twojmax: int, name: str = "twojmax") -> None:
    if isinstance(twojmax, bool) or not isinstance(twojmax, int | np.integer) or twojmax < 0:
        raise ConfigError(
            "The band limit of the bispectrum is not a non-negative integer.",
            where=name,
            expected="2·J_max = 0, 1, 2, … (8 and 10 are usual)",
            got=repr(twojmax),
            remedy="give twice the largest angular momentum as an integer",
        )


def triples(twojmax: int) -> tuple[tuple[int, int, int], ...]:
    """List the (j1, j2, j) of the bispectrum components, in the order of the columns.

    The order is LAMMPS': j1 slowest, then j2 ≤ j1, then j from j1 − j2 in steps of two up
    to min(2·J_max, j1 + j2); only j ≥ j1 are kept, since B(j1, j2, j)/(j + 1) does not
    depend on the order of its arguments.

    Parameters
    ----------
    twojmax
        2·J_max, the largest doubled angular momentum.

    Returns
    -------
    tuple of triples
        5, 14, 30, 55, 91 of them for twojmax = 2, 4, 6, 8, 10.

    Raises
    ------
    ConfigError
        If `twojmax` is not a non-negative integer.
    """
    _check(twojmax)
    return tuple(
        (j1, j2, j)
        for j1 in range(twojmax + 1)
        for j2 in range(j1 + 1)
        for j in range(j1 - j2, min(twojmax, j1 + j2) + 1, 2)
        if j >= j1
    )


def n_components(twojmax: int) -> int:
    """Return the number of bispectrum components up to `twojmax`."""
    return len(triples(twojmax))


def nested_columns(twojmax: int, lower_twojmax: int) -> NDArray[np.intp]:
    """Find the columns that a smaller band limit keeps.

    At one cutoff radius, a component does not depend on the band limit, so that one
    evaluation at the highest `twojmax` contains all lower ones; not as its first columns.

    Parameters
    ----------
    twojmax
        2·J_max of the descriptors at hand.
    lower_twojmax
        2·J_max that is wanted, at most `twojmax`.

    Returns
    -------
    array [n_components(lower_twojmax)]
        Column indices, increasing, in the order of ``triples(lower_twojmax)``.

    Raises
    ------
    ConfigError
        If a band limit is not a non-negative integer, or the lower one is the higher.
    """
    _check(lower_twojmax, "lower_twojmax")
    if lower_twojmax > twojmax:
        raise ConfigError(
            "A higher band limit cannot be taken from a lower one.",
            where="lower_twojmax",
            expected=f"at most twojmax = {twojmax}",
            got=str(lower_twojmax),
            remedy="evaluate the descriptors at the highest 2·J_max of all candidates",
        )
    return np.array([k for k, (_, _, j) in enumerate(triples(twojmax)) if j <= lower_twojmax])


def equal_row_pairs(x: int, y: int) -> list[list[tuple[int, int]]]:
    """Group the pairs of rows of U_x and U_y that contribute the same number to any component.

    U[j − mb, j − ma] = ±U[mb, ma]* turns all projections around, in pairs whose signs cancel
    in B; rows of equal momenta can be exchanged.

    Parameters
    ----------
    x
        First doubled angular momentum.
    y
        Second doubled angular momentum.

    Returns
    -------
    list of lists of pairs
        All (mx, my), each in one group; pairs in a group and groups by their first are sorted.
    """
    groups = set()
    for mx in range(x + 1):
        for my in range(y + 1):
            images = {(mx, my), (x - mx, y - my)}
            images |= {(n, m) for m, n in images} if x == y else set()
            groups.add(tuple(sorted(images)))
    return [list(group) for group in sorted(groups)]


def clebsch_gordan(j1: int, j2: int, j: int) -> NDArray[np.float64]:
    """Compute the Clebsch-Gordan coefficients ⟨j1 m1 j2 m2 | j m⟩ of one triple.

    Racah's sum is written with binomials, so that it is exact in integers, whatever the
    cancellation; the one rounding is in the square root of the norm.

    Parameters
    ----------
    j1
        First doubled angular momentum.
    j2
        Second doubled angular momentum.
    j
        Doubled angular momentum they couple to: |j1 − j2| ≤ j ≤ j1 + j2, with an even sum.

    Returns
    -------
    array [j1 + 1, j2 + 1]
        Indexed by m1 and m2; m = m1 + m2 + (j − j1 − j2)/2 is implied, and coefficients
        whose m lies outside 0 … j are zero.
    """
    table = np.zeros((j1 + 1, j2 + 1))
    minus3, minus2, minus1 = (j1 + j2 - j) // 2, (j1 - j2 + j) // 2, (-j1 + j2 + j) // 2
    triangle = factorial(minus3) * factorial(minus2) * factorial(minus1)
    denominator = triangle * factorial((j1 + j2 + j) // 2 + 1)
    for m1 in range(j1 + 1):
        for m2 in range(j2 + 1):
            m = m1 + m2 - minus3
            if not 0 <= m <= j:
                continue
            total = 0
            for z in range(max(0, m2 - minus1, j1 - m1 - minus2), min(minus3, j1 - m1, m2) + 1):
                ways = comb(minus3, z) * comb(minus2, j1 - m1 - z) * comb(minus1, m2 - z)
                total += -ways if z % 2 else ways
            norm = factorial(m1) * factorial(j1 - m1) * factorial(m2) * factorial(j2 - m2)
            norm *= factorial(m) * factorial(j - m) * (j + 1)
            table[m1, m2] = total * sqrt(norm / denominator)
    return table
