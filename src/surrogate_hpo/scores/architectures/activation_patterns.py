"""Activation patterns: how well the units of an untrained network tell grid points apart."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.scores.architectures.batched_networks import StackedNetworks
from surrogate_hpo.scores.architectures.eigenvalues import shifted_eigenvalue_sums
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore
from surrogate_hpo.scores.architectures.scoring import Values, score_networks

# The value that an activation takes at zero: a unit is active above it.
_THRESHOLDS: dict[Activation, float] = {
    "relu": 0.0,
    "leaky_relu": 0.0,
    "sigmoid": 0.5,
    "tanh": 0.0,
}


@dataclass(frozen=True)
class ActivationPatterns:
    r"""Log-determinant of the Hamming kernel of binary activation codes.

    .. math::
        s = \sum_i \log\left[N_A (\lambda_i + k)\right], \qquad
        K_{ij} = 1 - \frac{d_H(c_i, c_j)}{N_A}

    with :math:`\lambda` the eigenvalues of :math:`K`, :math:`d_H` the Hamming distance and
    :math:`c_i` the code of point i over all :math:`N_A` hidden units. At k = 0 this is
    :math:`\log|K_H|` of J. Mellor et al., "Neural Architecture Search without Training",
    ICML 2021, arXiv:2006.04647v3; k keeps the score finite where there are fewer
    units than points, so that determinants vanish. A unit is active where its pre-activation
    is positive, for sigmoid and tanh too: the publication knows ReLU only.

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
    name: ProxyName = "activation_patterns"
    label: str = "activation patterns (Mellor 2021)"
    direction: Direction = "maximise"

    def __call__(
        self, architecture: Architecture, data: ScoreData, *, seed: int, initialisations: int
    ) -> ArchitectureScore:
        """Score one architecture; see `Proxy`."""
        return score_networks(
            self.name,
            architecture,
            data,
            lambda networks: self._log_determinants(networks, data.minibatch),
            batch_size=len(data.minibatch),
            seed=seed,
            initialisations=initialisations,
            dtype=torch.float64,
        )

    def _log_determinants(self, networks: StackedNetworks, minibatch: Tensor) -> Values:
        values = torch.cat(networks.hidden(minibatch.double()), dim=2)
        units = values.shape[2]
        signs = torch.where(values > _THRESHOLDS[networks.activation], 1.0, -1.0).double()
        # Equal codes have the scalar product N_A, opposite ones −N_A.
        kernels = 0.5 + signs @ signs.mT / (2 * units)
        log_sums, _, reasons = shifted_eigenvalue_sums(kernels, self.k)
        numbers = log_sums + len(minibatch) * math.log(units)
        dead = ~values.isfinite().flatten(1).all(1)
        reasons |= dict.fromkeys(dead.nonzero().flatten().tolist(), "a unit is not finite")
        return Values(numbers, reasons)
