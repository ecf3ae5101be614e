"""Distances between sites and structures in the space that they are compared in."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Numbers of a block of distances; bounds the memory.
_BLOCK = 4_000_000


def nearest(points: FloatArray, others: FloatArray) -> FloatArray:
    """Distance of each point to the nearest of others.

    Parameters
    ----------
    points
        [points, components].
    others
        [others, components]; may be empty.

    Returns
    -------
    array [points]
        In the unit of the points; infinity where there are no others.
    """
    found = np.full(len(points), np.inf)
    if not len(others):
        return found
    # Differences of squares lose digits far from the origin.
    centre = others.mean(axis=0)
    own, other = points - centre, others - centre
    squares = (other**2).sum(axis=1)
    step = max(1, _BLOCK // len(others))
    for begin in range(0, len(points), step):
        block = own[begin : begin + step]
        apart = squares - 2 * block @ other.T
        found[begin : begin + step] = apart.min(axis=1) + (block**2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(found, 0.0)))


def wasserstein(values: FloatArray, starts: NDArray[np.intp], known: FloatArray) -> FloatArray:
    r"""First Wasserstein distance of the values of each structure from known ones.

    .. math::
        W_1 = \int_0^1 \bigl| Q_s(u) - Q_K(u) \bigr| \, \mathrm{d}u

    with the quantile functions Q of both samples. It is exact: on the interval of a value of the
    structure the difference changes its sign once, and the integral of the known quantile function
    is piecewise linear.

    Parameters
    ----------
    values
        Of all sites, [sites].
    starts
        First site of each structure, [structures].
    known
        Values of known sites, [known].

    Returns
    -------
    array [structures]
        In the unit of the values.
    """
    counts = np.diff(starts, append=len(values))
    of = np.repeat(np.arange(len(starts)), counts)
    own = values[np.lexsort((values, of))]
    place = np.arange(len(values)) - np.repeat(starts, counts)
    low, high = place / counts[of], (place + 1) / counts[of]
    reference = np.sort(known)
    steps = np.arange(len(reference) + 1) / len(reference)
    integral = np.concatenate([[0.0], np.cumsum(reference)]) / len(reference)
    crossing = np.searchsorted(reference, own, side="right") / len(reference)
    crossing = np.clip(crossing, low, high)
    at_low, at_crossing, at_high = (np.interp(u, steps, integral) for u in (low, crossing, high))
    below = own * (crossing - low) - (at_crossing - at_low)
    above = (at_high - at_crossing) - own * (high - crossing)
    return np.asarray(np.add.reduceat(below + above, starts))
