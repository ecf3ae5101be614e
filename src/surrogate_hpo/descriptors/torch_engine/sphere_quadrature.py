"""Quadrature on the 3-sphere, exact for polynomials."""

import numpy as np
from numpy.typing import NDArray


def sphere_quadrature(degree: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Place nodes on the 3-sphere that average even polynomials exactly.

    .. math::
        \langle f \rangle = \sum_k w_k f(q_k), \qquad
        q_0 + i q_3 = \cos η\, e^{i(φ + ψ)}, \quad q_2 + i q_1 = \sin η\, e^{i(φ - ψ)}

    Equal steps in φ and ψ, and Gauss-Legendre nodes in cos 2η, as the measure is
    dφ dψ d(cos 2η). An even polynomial has the period π in φ and in ψ, which halves the nodes.

    Parameters
    ----------
    degree
        Highest degree of the polynomial in the four coordinates.

    Returns
    -------
    nodes : array [K, 4]
        Unit quaternions, no two of them antipodal.
    weights : array [K]
        Positive, with the sum 1.
    """
    steps = degree // 2 + 1
    cosines, polar_weights = np.polynomial.legendre.leggauss(degree // 4 + 1)
    angles = np.pi * np.arange(steps) / steps
    eta, phi, psi = np.meshgrid(np.arccos(cosines) / 2, angles, angles, indexing="ij")
    first, second = np.cos(eta) * np.exp(1j * (phi + psi)), np.sin(eta) * np.exp(1j * (phi - psi))
    nodes = np.stack([first.real, second.imag, second.real, first.imag], axis=-1)
    weights = np.broadcast_to(polar_weights[:, None, None] / (2 * steps**2), eta.shape)
    return nodes.reshape(-1, 4), weights.ravel()
