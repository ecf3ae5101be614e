"""Expected errors from distances, calibrated on structures whose errors are known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from surrogate_hpo.errors import DataError
from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.measures import MEASURES, Pool

FloatArray = NDArray[np.float64]
# Two points are a line through anything.
FEWEST = 3


@dataclass(frozen=True)
class DistanceError:
    r"""Mean absolute error as a function of the distance from what is known.

    The function that rises or stays and is closest to the errors that are known,

    .. math::
        \min_{f(d_1) \le f(d_2) \le \dots} \sum_i \bigl(f(d_i) - |e_i|\bigr)^2

    (isotonic regression; Barlow et al., Statistical Inference under Order Restrictions, 1972),
    linear between the distances. Its mean over them is that of the absolute errors. Below the
    smallest distance it is constant; beyond the largest, where nothing is known, it grows in
    proportion to the distance.

    Attributes
    ----------
    distances
        Of the structures with known errors, rising, [structures].
    errors
        f at these distances, in the unit of the errors, [structures].
    """

    distances: FloatArray
    errors: FloatArray

    def of(self, distances: ArrayLike) -> FloatArray:
        """Expected absolute errors at distances, in the unit of the errors."""
        asked = np.asarray(distances, np.float64)
        within = np.interp(asked, self.distances, self.errors)
        last = self.distances[-1]
        return within * np.maximum(asked / last, 1.0) if last > 0 else within

    def beyond(self, distances: ArrayLike) -> NDArray[np.bool_]:
        """Which distances are larger than any with a known error."""
        return np.asarray(np.asarray(distances) > self.distances[-1])


def calibrated(distances: Sequence[float] | FloatArray, errors: ArrayLike) -> DistanceError:
    """Find how errors rise with the distance.

    Parameters
    ----------
    distances
        Of structures whose errors are known, three or more.
    errors
        Theirs, with or without sign; all errors of one distance count as their mean.

    Returns
    -------
    DistanceError
        In the unit of the errors.

    Raises
    ------
    DataError
        If there are fewer, or numbers that are not finite.
    """
    apart, sizes = np.asarray(distances, np.float64), np.abs(np.asarray(errors, np.float64))
    fine = apart.shape == sizes.shape and apart.ndim == 1 and np.isfinite([apart, sizes]).all()
    if not fine or len(apart) < FEWEST:
        raise DataError(
            "expected errors cannot be calibrated",
            expected=f"{FEWEST} or more held-out structures, each with a distance and an error",
            got=f"{apart.size} distances and {sizes.size} errors"
            + ("" if fine or apart.shape != sizes.shape else ", not all of them finite"),
        )
    known, place, counts = np.unique(apart, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=sizes) / counts
    found = isotonic_regression(means, weights=counts)
    return DistanceError(known, np.asarray(found.x, np.float64))


@dataclass(frozen=True)
class Expected:
    """Expected errors of candidates.

    Attributes
    ----------
    errors
        In the unit of the known ones, [candidates].
    beyond
        Which candidates are farther out than any structure with a known error.
    calibration
        What they follow from.
    """

    errors: FloatArray
    beyond: NDArray[np.bool_]
    calibration: DistanceError


def expected_errors(pool: Pool, held_out: Features, errors: ArrayLike) -> Expected:
    """Tell from held-out structures which errors to expect of candidates.

    The distance is that of the rule `nearest_neighbours`, of both in one space.

    Parameters
    ----------
    pool
        Candidates beside what is known.
    held_out
        Structures that nothing was learnt from.
    errors
        Of a model on these, with or without sign.

    Returns
    -------
    Expected
        In the unit of the errors.

    Raises
    ------
    DataError
        If there are too few held-out structures, or no known ones.
    """
    pool.known_sites()  # distances from nothing say nothing
    candidates = pool.candidates
    both = Features(
        np.concatenate([candidates.rows, held_out.rows]),
        np.concatenate([candidates.starts, held_out.starts + len(candidates.rows)]),
    )
    joint = Pool(both, pool.known, pool.components, pool.sampled, pool.seed)
    distances = MEASURES["nearest_neighbours"](joint).values()
    own, others = distances[: len(candidates)], distances[len(candidates) :]
    calibration = calibrated(others, errors)
    return Expected(calibration.of(own), calibration.beyond(own), calibration)
