"""NASWOT: a score of untrained networks from the correlation of their input Jacobians.

Equations 13 and 14 of L. Fiedler et al., Mach. Learn.: Sci. Technol. 3, 045008 (2022), after
J. Mellor et al., "Neural Architecture Search without Training", arXiv:2006.04647v1. The two
disagree about the sign: the first maximises what the second, had it the same sign, would
minimise. Each reading is a score of its own here, with the direction of its publication.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.scores.architectures.batched_networks import StackedNetworks
from surrogate_hpo.scores.architectures.eigenvalues import correlation_scores
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.architectures.scoring import Values, score_networks

_log = logging.getLogger(__name__)

SMALLEST_K = 1e-12
"""Vanishing eigenvalues of N ≤ 100 rows are known to about 1e-14."""


_MOST_CANDIDATES = 2**20
"""Points that are looked at before their snapshots are said to have too few distinct ones."""
_LARGEST_BLOCK = 2**16


class Points(Protocol):
    """Rows of numbers that can be counted and picked, as those of a tensor."""

    @property
    def shape(self) -> Sequence[int]:
        """Number of points and of components."""

    def __getitem__(self, points: Tensor, /) -> Tensor:
        """Rows of some points."""


def draw_minibatch(descriptors: Points, *, batch_size: int, seed: int) -> Tensor:
    """Draw distinct grid points for the score.

    More points than components are refused a place: the Jacobian rows of N points and D
    components have a correlation matrix with at least N − D + 1 vanishing eigenvalues
    whatever the network, and these would make up the whole score. The clipping is logged.

    Parameters
    ----------
    descriptors
        Shape (points, components): scaled descriptors as the networks will see them; a tensor,
        or something that gives rows of one.
    batch_size
        Wanted number of grid points.
    seed
        Seed of the draw.

    Returns
    -------
    torch.Tensor
        Shape (N, components), float64, with N at most the number of components.

    Raises
    ------
    ConfigError
        A batch of fewer than two points.
    DataError
        Fewer distinct points than wanted.
    """
    if batch_size < 2:
        raise ConfigError("NASWOT compares points: it needs two or more.", got=str(batch_size))
    points, components = descriptors.shape
    if batch_size > components:
        _log.warning(
            "NASWOT minibatch clipped from %d to %d points, the number of descriptor components",
            batch_size,
            components,
        )
        batch_size = components
    order = torch.from_numpy(np.random.default_rng(seed).permutation(points))
    # Equal points give equal Jacobian rows, hence vanishing eigenvalues that say nothing.
    chosen: dict[bytes, Tensor] = {}
    begin, block = 0, 4 * batch_size
    while begin < min(points, _MOST_CANDIDATES) and len(chosen) < batch_size:
        for row in descriptors[order[begin : begin + block]]:
            chosen.setdefault(row.numpy(force=True).tobytes(), row)
            if len(chosen) == batch_size:
                break
        begin, block = begin + block, min(8 * block, _LARGEST_BLOCK)
    if len(chosen) < batch_size:
        raise DataError(
            "Too few distinct grid points for the NASWOT minibatch.",
            expected=f"{batch_size} distinct descriptors",
            got=f"{len(chosen)} among {min(points, begin)} points",
            remedy="Use snapshots with thermal displacements, or a smaller minibatch.",
        )
    return torch.stack(list(chosen.values())).to(torch.float64)


@dataclass(frozen=True)
class Naswot:
    r"""The score of Fiedler et al. (2022), equations 13 and 14.

    .. math:: S' = \langle S \rangle_T + \mathrm{std}_T(S)

    over T initialisations, with the population standard deviation and S from
    :func:`.eigenvalues.correlation_scores`.

    Attributes
    ----------
    k
        Regularisation of vanishing eigenvalues.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    k: float = 1e-4
    name: ProxyName = "naswot"
    label: str = "NASWOT (Fiedler 2022, eq. 14)"
    direction: Direction = "maximise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        _check(data, self.k)
        return score_networks(
            self.name,
            architecture,
            data,
            lambda networks: _eigenvalue_sums(networks, data.minibatch, self.k),
            batch_size=len(data.minibatch),
            seed=seed,
            initialisations=initialisations,
            dtype=torch.float64,
            combine="mean_plus_std",
        )


@dataclass(frozen=True)
class OriginalNaswot:
    r"""The score of Mellor et al., arXiv:2006.04647v1.

    .. math:: s = -\sum_i \left[\log(\sigma_i + k) + \frac{1}{\sigma_i + k}\right] = -S

    The largest score wins: rows that are *less* correlated are preferred. The score is averaged
    over the initialisations, without the standard deviation, which the publication lacks.

    Attributes
    ----------
    k
        Regularisation of vanishing eigenvalues: 1e-5 in the publication, the same as in `Naswot`
        here, so that the two scores have the same eigenvalue sums.
    name
        Its name in `PROXIES`.
    label
        Its name in figures and texts.
    direction
        How its publication reads it.
    """

    k: float = 1e-4
    name: ProxyName = "naswot_original"
    label: str = "NASWOT (Mellor 2020)"
    direction: Direction = "maximise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        _check(data, self.k)

        def negative_sums(networks: StackedNetworks) -> Values:
            sums = _eigenvalue_sums(networks, data.minibatch, self.k)
            return Values(-sums.numbers, sums.reasons)

        return score_networks(
            self.name,
            architecture,
            data,
            negative_sums,
            batch_size=len(data.minibatch),
            seed=seed,
            initialisations=initialisations,
            dtype=torch.float64,
        )


def _eigenvalue_sums(networks: StackedNetworks, minibatch: Tensor, k: float) -> Values:
    return correlation_scores(networks.input_jacobian(minibatch.double()), k=k)


def _check(data: ScoreData, k: float) -> None:
    points, components = data.minibatch.shape
    if points > components:
        raise DataError(
            "The NASWOT minibatch has more points than descriptor components.",
            expected=f"at most {components} points",
            got=f"{points} points",
            remedy="Draw the minibatch with draw_minibatch, which clips it.",
        )
    if not k >= SMALLEST_K:
        raise ConfigError(
            "NASWOT needs k well above zero: rounding hides a smaller one.",
            expected=f"k at least {SMALLEST_K:g}",
            got=f"k = {k:g}",
        )
