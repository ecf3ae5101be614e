"""Analytical quadrature of Fermi-Dirac integrals over an energy grid, free of broadening bias."""

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.arrays import Array, array_like, namespace, relu
from surrogate_hpo.physics.fermi_dirac import thermal_integrals
from surrogate_hpo.physics.guards import (
    check_broadening_variance,
    check_temperature,
    energy_spacing,
)
from surrogate_hpo.physics.kernel_inversion import Quantity, inversion_correction
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN


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
