"""Analytical quadrature of Fermi-Dirac integrals over an energy grid, free of broadening bias."""

import math
from functools import cache

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import (
    Array,
    array_like,
    check_broadening_variance,
    check_temperature,
    energy_spacing,
    namespace,
    relu,
)
from surrogate_hpo.physics.kernel_inversion import Quantity, inversion_correction
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

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


def occupation_weights(
    energy: Array,
    fermi_energy: Array | float,
    temperature: float,
    quantity: Quantity,
    *,
    broadening_variance: float | None = None,
) -> Array:
    r"""Weights w with :math:`\int g(\epsilon) D(\epsilon) d\epsilon = \sum_i w_i D_i`.

    .. math::
        w_i = \int g(\epsilon)\,\Lambda_i(\epsilon)\,d\epsilon, \qquad
        g = f,\; \epsilon f \;\text{or}\; -[f\ln f + (1-f)\ln(1-f)], \qquad
        f = \frac{1}{e^{(\epsilon-\mu)/kT}+1}

    with the hat functions :math:`\Lambda_i` of the grid (half hats at its ends): exact for every
    D that is linear between the grid points, at any ratio of kT to the spacing h.

    A DOS broadened by a symmetric kernel of variance s² is
    :math:`D = D_0 + \tfrac{s^2}{2} D_0'' + O(s^4)`. Linear interpolation between samples adds to
    it: averaged over an interval it exceeds a smooth D by :math:`h^2 D''/12`, as if D had been
    convolved with the hat function, whose variance is h²/6. Both variances therefore add, and
    moving the second difference from D to the weights gives weights that are still linear in D,

    .. math::
        w_i \to w_i - \frac{s^2 + h^2/6}{2}\,
                \frac{\bar w_{i+1} - 2\bar w_i + \bar w_{i-1}}{h^2},

    where :math:`\bar w` are the weights of whole hats on the grid continued beyond its ends, so
    that the correction vanishes at the bottom, where :math:`g` is linear. It assumes that D
    vanishes below the grid, and f above it. What remains is of fourth order in s and h; for a
    kernel of positive variance the larger part of it is removed by
    :func:`~surrogate_hpo.physics.kernel_inversion.inversion_correction`.

    Parameters
    ----------
    energy
        Uniform ascending energy axis in eV, shape [E].
    fermi_energy
        Chemical potential mu in eV; the weights are differentiable with respect to it.
    temperature
        Electronic temperature in K.
    quantity
        "electrons" (weights in eV), "band_energy" (eV²) or "entropy" (eV; entropy over k_B).
    broadening_variance
        Variance s² in eV² of the kernel that broadened the levels: width²/2 for a Gaussian
        exp(-(x/width)²), pi² width²/3 for the Fermi-Dirac kernel, 0 for Methfessel-Paxton of order
        1 and for cold smearing, where the h²/6 alone remains. None applies no correction at all.

    Returns
    -------
    Tensor or ndarray
        Weights, shape [E], of the kind that `energy` is.

    Raises
    ------
    DataError
        If the axis is not uniform, or an argument cannot have the unit that it should have.
    """
    xp = namespace(energy)
    spacing = energy_spacing(energy)
    check_temperature(temperature)
    check_broadening_variance(broadening_variance)
    if quantity not in ("electrons", "band_energy", "entropy"):
        raise DataError(
            "unknown quantity",
            expected="'electrons', 'band_energy' or 'entropy'",
            got=repr(quantity),
        )
    mu = array_like(fermi_energy, energy)
    steps = xp.arange(-2, len(energy) + 2, dtype=energy.dtype, device=energy.device)
    continued: Array = energy[0] + spacing * steps
    thermal_energy = BOLTZMANN_EV_PER_KELVIN * temperature
    left, right = _half_hats(continued, spacing, mu, thermal_energy, quantity)
    edge = xp.zeros_like(left[:1])
    weights: Array = xp.concat([left[2:-2], edge]) + xp.concat([edge, right[2:-2]])
    if broadening_variance is None:
        return weights
    whole_hats = left[1:] + right[:-1]
    second_difference = whole_hats[2:] - 2 * whole_hats[1:-1] + whole_hats[:-2]
    weights = weights - (broadening_variance / spacing**2 + 1 / 6) / 2 * second_difference
    if broadening_variance != 0:
        weights = weights + inversion_correction(
            weights, float(energy[0]), spacing, mu, temperature, quantity, broadening_variance
        )
    return weights


def _half_hats(
    energy: Array, spacing: float, mu: Array, thermal_energy: float, quantity: Quantity
) -> tuple[Array, Array]:
    """Integrals of g on each interval against the hats of its left and of its right point.

    The sum of the part of the step function f = theta(mu - energy) and the thermal part, whose
    first and second antiderivatives G1 and G2 give by partial integration
    left = (G2(b) - G2(a))/h - G1(a) and right = G1(b) - (G2(b) - G2(a))/h.
    """
    first, second = _thermal_antiderivatives(energy, mu, thermal_energy, quantity)
    slope = (second[1:] - second[:-1]) / spacing
    left, right = slope - first[:-1], first[1:] - slope
    if quantity == "entropy":
        return left, right
    # The filled fraction of each interval. Two relu, not clamp: clamp passes a gradient at both
    # of its bounds, and mu on a grid point would be counted in two intervals.
    filled = (mu - energy[:-1]) / spacing
    filled = relu(filled) - relu(filled - 1)
    step_left, step_right = spacing * (filled - filled**2 / 2), spacing * filled**2 / 2
    if quantity == "band_energy":
        step_left = energy[:-1] * step_left + spacing**2 * (filled**2 / 2 - filled**3 / 3)
        step_right = energy[:-1] * step_right + spacing**2 * filled**3 / 3
    return left + step_left, right + step_right


def _thermal_antiderivatives(
    energy: Array, mu: Array, thermal_energy: float, quantity: Quantity
) -> tuple[Array, Array]:
    """First and second antiderivative with respect to energy of g without its step part."""
    eta = (mu - energy) / thermal_energy
    c_0, c_1, c_2 = thermal_integrals(eta)
    if quantity == "electrons":
        first, second = c_0, c_1
    elif quantity == "band_energy":
        first = energy * c_0 + thermal_energy * c_1
        second = energy * c_1 + 2 * thermal_energy * c_2
    else:
        first, second = 2 * c_1 - eta * c_0, 3 * c_2 - eta * c_1
    return -thermal_energy * first, thermal_energy**2 * second
