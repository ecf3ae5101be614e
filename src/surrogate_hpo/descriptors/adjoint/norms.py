"""Factors between the elements of U_j and polynomials whose derivatives are whole numbers."""

from functools import lru_cache
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=16)
def row_norms(twojmax: int) -> NDArray[np.float64]:
    """Return sqrt(ma! (j − ma)! / (mb! (j − mb)!)) of every element U_j[mb, ma], j after j.

    Parameters
    ----------
    twojmax
        2·J_max.

    Returns
    -------
    array [elements]
        Read-only by convention: one instance serves all callers and threads.
    """
    ways = [[comb(j, m) for m in range(j + 1)] for j in range(twojmax + 1)]
    return np.array([sqrt(mb / ma) for of_j in ways for mb in of_j for ma in of_j])
