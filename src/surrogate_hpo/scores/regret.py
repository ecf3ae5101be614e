"""What it costs to trust a score: the error of its pick beside that of a random pick."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.architectures.options import Direction


@dataclass(frozen=True)
class Regret:
    """Relative excess error (e_pick − e_best) / e_best of the best of k picked networks.

    Attributes
    ----------
    picked
        Of the k networks with the best scores; the mean over the orders of equal scores.
    random
        Expected for k networks drawn at random.
    """

    picked: float
    random: float


def top_regret(score: ArrayLike, error: ArrayLike, *, direction: Direction, k: int = 1) -> Regret:
    """Compute the regret of training only the k networks with the best scores.

    A training that diverged counts as the largest finite error: a lower bound of what it costs.

    Parameters
    ----------
    score
        One number per architecture; one that is not finite is picked last.
    error
        Positive error after training; +inf if it diverged.
    direction
        How the score is read.
    k
        Networks picked, of which the best is kept.

    Returns
    -------
    Regret
        Of the pick and of a random one; 0 is perfect.

    Raises
    ------
    DataError
        Different lengths, an error that is no positive number, or none that is finite.
    ConfigError
        k is less than one or more than there are architectures.
    """
    s, e = np.asarray(score, np.float64), np.asarray(error, np.float64)
    finite = e[np.isfinite(e)]
    if s.ndim != 1 or s.shape != e.shape or not finite.size or not (e > 0).all():
        raise DataError(
            "The regret needs one score and one positive error per architecture.",
            expected="errors above zero, at least one of them finite",
            got=f"shapes {list(s.shape)} and {list(e.shape)}, {finite.size} finite errors",
        )
    if not 1 <= k <= len(s):
        raise ConfigError(
            "So many networks cannot be picked.",
            where="k",
            expected=f"between 1 and the {len(s)} architectures",
            got=str(k),
        )
    capped, best = np.minimum(e, finite.max()), float(finite.min())
    badness = np.where(np.isfinite(s), -s if direction == "maximise" else s, np.inf)
    threshold = np.sort(badness)[k - 1]
    certain, tied = capped[badness < threshold], capped[badness == threshold]
    picked = _expected_best(certain, tied, k - len(certain))
    return Regret(picked / best - 1, _expected_best(capped[:0], capped, k) / best - 1)


def _expected_best(certain: NDArray[np.float64], tied: NDArray[np.float64], drawn: int) -> float:
    """Expected minimum of the certain errors and of so many of the tied ones, drawn at random.

    The i-th smallest of n is the smallest of k with probability C(n − i, k − 1) / C(n, k).
    """
    ceiling = certain.min(initial=np.inf)
    chances = [math.comb(len(tied) - i, drawn - 1) for i in range(1, len(tied) + 1)]
    smallest = np.minimum(np.sort(tied), ceiling)
    return float(np.dot(smallest, np.array(chances) / math.comb(len(tied), drawn)))
