"""NASWOT: a score of untrained networks from the correlation of their input Jacobians.

Equations 13 and 14 of L. Fiedler et al., Mach. Learn.: Sci. Technol. 3, 045008 (2022), after
J. Mellor et al., "Neural Architecture Search without Training", arXiv:2006.04647v1. The two
disagree about the sign, so the direction is the caller's choice.
"""

import logging
import math

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.selection.ranking import ArchitectureScore

_log = logging.getLogger(__name__)


def draw_minibatch(descriptors: Tensor, *, batch_size: int, seed: int) -> Tensor:
    """Draw distinct grid points for the score.

    More points than components are refused a place: the Jacobian rows of N points and D
    components have a correlation matrix with at least N − D + 1 vanishing eigenvalues
    whatever the network, and these would make up the whole score. The clipping is logged.

    Parameters
    ----------
    descriptors
        Shape (points, components): scaled descriptors as the networks will see them.
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
    order = np.random.default_rng(seed).permutation(points)
    # Equal points give equal Jacobian rows, hence vanishing eigenvalues that say nothing.
    chosen: dict[bytes, int] = {}
    for point in order:
        chosen.setdefault(descriptors[point].numpy(force=True).tobytes(), int(point))
        if len(chosen) == batch_size:
            break
    if len(chosen) < batch_size:
        raise DataError(
            "Too few distinct grid points for the NASWOT minibatch.",
            expected=f"{batch_size} distinct descriptors",
            got=f"{len(chosen)} among {points} points",
            remedy="Use snapshots with thermal displacements, or a smaller minibatch.",
        )
    return descriptors[list(chosen.values())].to(torch.float64)


def input_jacobian(network: nn.Module, minibatch: Tensor) -> Tensor:
    r"""Return the gradients of the summed outputs with respect to each input.

    .. math:: J_{ic} = \frac{\partial \sum_\epsilon M_\epsilon(B_i)}{\partial B_{ic}}

    Parameters
    ----------
    network
        Network without coupling between points, of the minibatch's type.
    minibatch
        Shape (N, components).

    Returns
    -------
    torch.Tensor
        Shape (N, components).
    """
    inputs = minibatch.detach().requires_grad_()
    (jacobian,) = torch.autograd.grad(network(inputs).sum(), inputs)
    return jacobian


def correlation_score(jacobian: NDArray[np.float64], *, k: float = 1e-4) -> float:
    r"""Score a Jacobian by the eigenvalues of the correlation matrix of its rows.

    .. math:: S = \sum_i \left[\log(\sigma_i + k) + \frac{1}{\sigma_i + k}\right]

    Uncorrelated rows (all eigenvalues one) give about N, equal rows about (N − 1)/k.

    Parameters
    ----------
    jacobian
        Shape (N, components).
    k
        Regularisation of vanishing eigenvalues.

    Returns
    -------
    float
        The score S, equation 13 of the paper.

    Raises
    ------
    ValueError
        A row is constant or not finite, so that it has no correlation with others; or the
        eigenvalues do not converge.
    """
    if not np.isfinite(jacobian).all():
        raise ValueError("the Jacobian is not finite")
    rows = jacobian - jacobian.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    # Relative to the row: rounding leaves a constant row with a deviation that is not zero.
    if (norms <= 1e-12 * np.linalg.norm(jacobian, axis=1, keepdims=True)).any():
        raise ValueError("a Jacobian row is constant")
    rows = rows / norms
    try:
        # Driver "ev" (QR) also converges for repeated rows, where divide and conquer may not.
        eigenvalues = scipy.linalg.eigh(rows @ rows.T, eigvals_only=True, driver="ev")
    except np.linalg.LinAlgError as error:
        raise ValueError("the eigenvalues did not converge") from error
    shifted = np.clip(eigenvalues, 0.0, None) + k
    return float(np.sum(np.log(shifted) + 1 / shifted))


def score_architecture(
    architecture: Architecture,
    minibatch: Tensor,
    *,
    outputs: int,
    seed: int,
    initialisations: int = 5,
    k: float = 1e-4,
) -> ArchitectureScore:
    r"""Score an untrained architecture over several initialisations.

    .. math:: S' = \langle S \rangle_T + \mathrm{std}_T(S)

    Equation 14 of the paper, with the population standard deviation.

    Parameters
    ----------
    architecture
        What to score.
    minibatch
        Shape (N, components), scaled descriptors from `draw_minibatch`, N at most the
        number of components.
    outputs
        Number of energies of the LDOS.
    seed
        Seed from which each initialisation derives its own.
    initialisations
        The number T of initialisations.
    k
        Regularisation of vanishing eigenvalues.

    Returns
    -------
    ArchitectureScore
        The score. If any initialisation fails, the status says why and the score is NaN.

    Raises
    ------
    DataError
        More points than components.
    ConfigError
        No initialisation, or `k` is not positive.
    """
    points, components = minibatch.shape
    if points > components:
        raise DataError(
            "The NASWOT minibatch has more points than descriptor components.",
            expected=f"at most {components} points",
            got=f"{points} points",
            remedy="Draw the minibatch with draw_minibatch, which clips it.",
        )
    if initialisations < 1 or not k > 0:
        raise ConfigError(
            "The NASWOT settings make no sense.",
            expected="one initialisation or more, and k above zero",
            got=f"initialisations = {initialisations}, k = {k}",
        )
    values, status = [], "ok"
    for number in range(initialisations):
        network = build_network(
            architecture, inputs=components, outputs=outputs, seed=_derived_seed(seed, number)
        ).double()
        try:
            jacobian = input_jacobian(network, minibatch.double())
            values.append(correlation_score(jacobian.numpy(force=True), k=k))
        except ValueError as error:
            values.append(math.nan)
            status = f"rejected: initialisation {number}: {error}"
    mean, std = float(np.mean(values)), float(np.std(values))
    return ArchitectureScore(
        architecture=architecture,
        parameters=architecture.parameter_count(components, outputs),
        batch_size=points,
        values=tuple(values),
        mean=mean,
        std=std,
        score=mean + std,
        status=status,
    )


def _derived_seed(seed: int, initialisation: int) -> int:
    words = np.random.SeedSequence([seed, initialisation]).generate_state(1, np.uint64)
    return int(words[0]) >> 1  # torch takes 63 bits
