"""How far the members of a model are apart in what they say of candidates."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
# Of the mean variance: what a calculation leaves open of what it is made of.
_NOISE_SHARE = 0.1


class Spread:
    r"""Standard deviation over the members of a model, given what is chosen.

    Members are taken for draws of a Gaussian; once c is computed, others are known better by what
    they have in common with it:

    .. math::
        C_{ij} \leftarrow C_{ij} - \frac{C_{ic} C_{cj}}{C_{cc} + \nu}

    Of several values per candidate, such as a density of states, the covariance is the sum over
    the values.

    Parameters
    ----------
    members
        [members, candidates] or [members, candidates, values]; NaN for candidates of which the
        members were not asked.
    """

    def __init__(self, members: FloatArray) -> None:
        self._deviations = members.reshape(*members.shape[:2], -1) - members.mean(axis=0).reshape(
            1, members.shape[1], -1
        )
        self._freedom = len(members) - 1
        self._variances = (self._deviations**2).sum(axis=(0, 2)) / self._freedom
        asked = self._variances[np.isfinite(self._variances)]
        self._noise = _NOISE_SHARE * float(asked.mean()) if asked.size else 0.0
        self._carried: list[FloatArray] = []

    def values(self) -> FloatArray:
        """In the unit of what the members say."""
        return np.asarray(np.sqrt(np.maximum(self._variances, 0.0)))

    def add(self, candidate: int) -> None:
        """What the members say of it is known from now on, up to a noise."""
        own = self._deviations[:, candidate]
        shared = np.einsum("mcv,mv->c", self._deviations, own) / self._freedom
        for carried in self._carried:
            shared = shared - carried * carried[candidate]
        strength = max(float(shared[candidate]), 0.0) + self._noise
        if strength > 0:
            self._carried.append(shared / np.sqrt(strength))
            self._variances = self._variances - self._carried[-1] ** 2
