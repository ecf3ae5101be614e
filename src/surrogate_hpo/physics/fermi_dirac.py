"""Complete Fermi-Dirac integrals, split into their zero-temperature limit and the rest."""

import math
from functools import cache

from surrogate_hpo.physics.arrays import Array, array_like, namespace

_TERMS = 24
"""Terms of the accelerated series: its relative error is below 2/(3 + sqrt 8)^24 = 1e-18."""


@cache
def _alternating_coefficients(power: int) -> tuple[float, ...]:
    """Coefficients c_k with sum_k c_k z^k = -Li_power(-z) for 0 <= z <= 1, k = 1 ... _TERMS.

    The alternating series sum (-1)^(k+1) z^k / k^power crawls at z = 1. Its terms are the moments
    of a positive measure, so algorithm 1 of Cohen, Rodriguez Villegas and Zagier, Experimental
    Mathematics 9, 3 (2000), sums it to machine precision with a fixed number of terms.
    """
    scale = (3.0 + math.sqrt(8.0)) ** _TERMS
    scale = (scale + 1.0 / scale) / 2.0
    binomial, partial = -1.0, -scale
    coefficients = []
    for k in range(_TERMS):
        partial = binomial - partial
        coefficients.append(partial / scale / (k + 1) ** power)
        binomial *= (k + _TERMS) * (k - _TERMS) / ((k + 0.5) * (k + 1))
    return tuple(coefficients)


def thermal_integrals(eta: Array) -> tuple[Array, Array, Array]:
    r"""Thermal parts of the complete Fermi-Dirac integrals of order 0, 1 and 2.

    .. math::
        c_j(\eta) = F_j(\eta) - \frac{\max(\eta, 0)^{j+1}}{(j+1)!}, \qquad
        F_j(\eta) = \frac{1}{j!}\int_0^\infty \frac{t^j\,dt}{e^{t-\eta}+1}
                  = -\mathrm{Li}_{j+1}(-e^\eta)

    The subtracted power is the limit of zero temperature. What is left never grows faster than
    :math:`\eta`, so that differences of it keep full precision however small kT is. For
    :math:`\eta > 0` the inversion formulas :math:`F_1(\eta) = \eta^2/2 + \pi^2/6 - F_1(-\eta)`
    and :math:`F_2(\eta) = \eta^3/6 + \pi^2\eta/6 + F_2(-\eta)` are used (Dingle, Appl. Sci. Res.
    B 6, 225 (1957)).

    Parameters
    ----------
    eta
        (mu - energy) / kT, any shape, dimensionless.

    Returns
    -------
    tuple of arrays
        c_0, c_1, c_2, each of the shape of `eta`. They are derivatives of one another,
        d c_2 / d eta = c_1 and d c_1 / d eta = c_0, also for autograd at eta = 0.
    """
    xp = namespace(eta)
    positive = eta > 0
    # A choice, not abs: the derivative of abs vanishes at 0, where that of c_1 is ln 2.
    distance = xp.where(positive, eta, -eta)
    orders = xp.arange(1, _TERMS + 1, dtype=eta.dtype, device=eta.device)
    decays = xp.exp(-distance[..., None] * orders)
    first, second = (decays @ array_like(_alternating_coefficients(power), eta) for power in (2, 3))
    c_0 = xp.log1p(xp.exp(-distance))
    c_1 = xp.where(positive, math.pi**2 / 6 - first, first)
    c_2 = xp.where(positive, math.pi**2 / 6 * eta + second, second)
    return c_0, c_1, c_2
