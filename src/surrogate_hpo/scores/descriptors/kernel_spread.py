"""Kernel spread: a score of descriptors that needs no labels, only structures.

After S. Kondati Natarajan and M. A. Caro, arXiv:2101.00049, who choose the parameters of the
descriptor before those of the training: the distribution of the kernel between environments should
be wide (large standard deviation) and at the same time not lopsided (small skewness), because the
width alone drives similarities to 0 and 1. The formula that combines the two is ours.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Similarities that vary less than this are equal but for rounding: their shape means nothing.
CONSTANT_BELOW = 1e-6


def similarity_moments(similarities: ArrayLike) -> tuple[float, float]:
    """Compute standard deviation σ and skewness γ = mean (S − mean S)³ / σ³.

    Parameters
    ----------
    similarities
        S_C of all pairs, any shape.

    Returns
    -------
    float, float
        Population moments; γ is NaN where all similarities are equal, both are NaN where
        one is not finite.
    """
    centred: NDArray[np.float64] = np.array(similarities, np.float64).ravel()
    centred -= centred.mean()
    powers = centred * centred
    std = math.sqrt(powers.mean())
    powers *= centred
    return std, float(powers.mean()) / std**3 if std**3 > 0 else math.nan


def kernel_spread(std: float, skewness: float) -> float:
    """Combine the moments: σ / (1 + |γ|), larger is better.

    It rises with σ and falls with |γ|, has no free weight, and is zero for a constant
    descriptor. The magnitude of γ is taken because similarities usually pile up below 1 with
    a tail to lower values, γ < 0: a more negative γ is a worse descriptor, not a better one.

    Parameters
    ----------
    std
        σ of :func:`similarity_moments`.
    skewness
        γ of :func:`similarity_moments`.

    Returns
    -------
    float
        0 … 1 (σ of numbers between −1 and 1 is at most 1); 0 if all similarities are equal.
    """
    return 0.0 if std <= CONSTANT_BELOW else std / (1 + abs(skewness))
