"""k-means beside known centres: one candidate from the middle of each new cluster."""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.selection.distances import nearest

FloatArray = NDArray[np.float64]
_ROUNDS = 50
_TIE = 1e-9


def cluster_middles(
    points: FloatArray, known: FloatArray, number: int, seed: int
) -> tuple[list[int], FloatArray]:
    """Choose the points that are nearest to the centres of new clusters.

    Known points are centres that do not move; others are seeded far from all (k-means++, Arthur
    and Vassilvitskii, 2007) and moved to the means of their points (Lloyd).

    Parameters
    ----------
    points
        Candidates, [points, components].
    known
        What is known, [known, components]; may be empty.
    number
        Of new clusters; at most as many as points.
    seed
        Of the first centres.

    Returns
    -------
    list of int, array [points]
        A point per cluster, those of the largest clusters first, each once; and the distance of
        every point to its nearest centre, known ones included.
    """
    centres = _seeded(points, known, number, np.random.default_rng(seed))
    for _ in range(_ROUNDS):
        of = _assigned(points, known, centres)
        moved = np.array(
            [
                points[of == k].mean(axis=0) if (of == k).any() else centre
                for k, centre in enumerate(centres)
            ]
        )
        if np.array_equal(moved, centres):
            break
        centres = moved
    of = _assigned(points, known, centres)
    sizes = np.bincount(of[of >= 0], minlength=number)
    taken: list[int] = []
    for cluster in np.argsort(-sizes, kind="stable"):
        distances = ((points - centres[cluster]) ** 2).sum(axis=1)
        distances[taken] = np.inf
        # Both points of a pair are as far from its centre: rounding must not decide.
        taken.append(int(np.flatnonzero(distances <= (1 + _TIE) * distances.min())[0]))
    return taken, nearest(points, np.concatenate([known, centres]))


def _assigned(points: FloatArray, known: FloatArray, centres: FloatArray) -> NDArray[np.intp]:
    """Number of the nearest new centre of each point; -1 where a known one is nearer."""
    squares = (centres**2).sum(axis=1) - 2 * points @ centres.T
    of = squares.argmin(axis=1)
    own = squares.min(axis=1) + (points**2).sum(axis=1)
    return np.where(nearest(points, known) ** 2 < own, -1, of)


def _seeded(
    points: FloatArray, known: FloatArray, number: int, generator: np.random.Generator
) -> FloatArray:
    distances = nearest(points, known)
    chosen: list[int] = []
    for _ in range(number):
        weights = np.where(np.isinf(distances), 1.0, distances**2)
        weights[chosen] = 0.0
        if not weights.any():  # all others lie on a centre
            weights = np.ones(len(points))
            weights[chosen] = 0.0
        chosen.append(int(generator.choice(len(points), p=weights / weights.sum())))
        distances = np.minimum(distances, nearest(points, points[chosen[-1:]]))
    return np.array(points[chosen])
