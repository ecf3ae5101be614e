"""Occupation weights against numerical integration, closed forms, and known broadening."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import leggauss
from scipy.integrate import fixed_quad, quad
from scipy.special import expit, xlogy, zeta

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.quadrature import occupation_weights, thermal_integrals
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

QUANTITIES = ("electrons", "band_energy", "entropy")


def integrand(quantity, mu, thermal_energy):
    def function(energy):
        occupied = expit(-(energy - mu) / thermal_energy)
        empty = expit((energy - mu) / thermal_energy)
        return {
            "electrons": occupied,
            "band_energy": energy * occupied,
            "entropy": -(xlogy(occupied, occupied) + xlogy(empty, empty)),
        }[quantity]

    return function


def integral(function, dos, energy, mu, thermal_energy):
    """Integrate function times the piecewise linear DOS, resolving the Fermi edge."""
    edge = mu + thermal_energy * np.arange(-40, 41)
    inside = edge[(edge > energy[0]) & (edge < energy[-1])]
    knots = np.unique(np.concatenate([energy, inside]))
    return sum(
        fixed_quad(lambda e: function(e) * np.interp(e, energy, dos), a, b, n=14)[0]
        for a, b in pairwise(knots)
    )


@pytest.mark.parametrize("quantity", QUANTITIES)
@settings(deadline=None, max_examples=40)
@given(
    dos=st.lists(st.floats(-1, 10), min_size=3, max_size=12),
    position=st.floats(-0.3, 1.3),
    ratio=st.floats(math.log(1e-4), math.log(5)).map(math.exp),
    spacing=st.sampled_from([0.02, 0.1, 0.25, 1.0]),
)
def test_weights_integrate_any_piecewise_linear_dos(quantity, dos, position, ratio, spacing):
    energy = -3.0 + spacing * np.arange(len(dos))
    mu = energy[0] + position * (energy[-1] - energy[0])
    thermal_energy = ratio * spacing
    weights = occupation_weights(
        torch.tensor(energy), mu, thermal_energy / BOLTZMANN_EV_PER_KELVIN, quantity
    )
    expected = integral(integrand(quantity, mu, thermal_energy), dos, energy, mu, thermal_energy)
    assert float(weights @ torch.tensor(dos, dtype=torch.float64)) == pytest.approx(
        expected, rel=1e-10, abs=1e-11
    )


@pytest.mark.parametrize("temperature", [0.01, 300.0, 20000.0])
def test_constant_dos_has_the_sommerfeld_closed_forms(temperature):
    energy, mu, density_of_states = torch.linspace(-80, 80, 641, dtype=torch.float64), 1.23, 2.5
    thermal_energy = BOLTZMANN_EV_PER_KELVIN * temperature
    electrons, band_energy, entropy = (
        density_of_states * float(occupation_weights(energy, mu, temperature, q).sum())
        for q in QUANTITIES
    )
    assert electrons == pytest.approx(density_of_states * (mu + 80), rel=1e-13)
    sommerfeld = (mu**2 - 80**2) / 2 + math.pi**2 / 6 * thermal_energy**2
    assert band_energy == pytest.approx(density_of_states * sommerfeld, rel=1e-13)
    expected_entropy = math.pi**2 / 3 * thermal_energy * density_of_states
    assert entropy == pytest.approx(expected_entropy, rel=1e-9)


def test_free_electron_gas_follows_the_sommerfeld_expansion():
    energy = torch.linspace(0, 20, 2001, dtype=torch.float64)
    dos, mu, temperature = torch.sqrt(energy), 10.0, 1000.0
    warm, cold = (
        float(occupation_weights(energy, mu, kelvin, "electrons") @ dos)
        for kelvin in (temperature, 0.1)
    )
    assert cold == pytest.approx(2 / 3 * mu**1.5, rel=2e-5)
    # pi²/6 (kT)² D'(mu); the next order is 1e-4 of it here.
    expected = math.pi**2 / 6 * (BOLTZMANN_EV_PER_KELVIN * temperature) ** 2 / (2 * mu**0.5)
    assert warm - cold == pytest.approx(expected, rel=1e-3)


@settings(deadline=None, max_examples=50)
@given(eta=st.floats(-30, 30))
def test_thermal_integrals_are_the_fermi_dirac_integrals(eta):
    computed = thermal_integrals(torch.tensor(eta, dtype=torch.float64))
    for order, value in enumerate(computed):
        total, _ = quad(
            lambda t, j=order: t**j / math.factorial(j) * expit(eta - t),
            0,
            80,
            points=[abs(eta)],
            limit=200,
            epsabs=1e-13,
            epsrel=1e-13,  # of the total, of which little is left below
        )
        power = max(eta, 0.0) ** (order + 1) / math.factorial(order + 1)
        assert float(value) == pytest.approx(total - power, abs=2e-10, rel=1e-10)


def test_thermal_integrals_at_zero_and_their_derivatives():
    eta = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    c_0, c_1, c_2 = thermal_integrals(eta)
    assert c_0.item() == pytest.approx(math.log(2), rel=1e-15)
    assert c_1.item() == pytest.approx(math.pi**2 / 12, rel=1e-15)
    assert c_2.item() == pytest.approx(0.75 * zeta(3), rel=1e-15)
    assert torch.autograd.grad(c_1, eta, retain_graph=True)[0].item() == pytest.approx(c_0.item())
    assert torch.autograd.grad(c_2, eta)[0].item() == pytest.approx(c_1.item())


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("mu", [0.37, 0.5, 1.0])
@pytest.mark.parametrize("variance", [None, 0.02])
def test_weights_are_differentiable_also_on_a_grid_point(quantity, mu, variance):
    energy = torch.linspace(-2, 3, 51, dtype=torch.float64)
    center = torch.tensor(mu, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda m: occupation_weights(energy, m, 400.0, quantity, broadening_variance=variance),
        (center,),
        eps=1e-5,
        atol=1e-7,
    )


# A smooth DOS, as a sum of Gaussians (centre, variance, weight), and its convolution.
HUMPS = ((1.0, 1.5, 3.0), (4.0, 2.5, 6.0), (8.0, 2.0, 9.0))
MU, TEMPERATURE = 4.7, 3000.0


def smooth_dos(energy):
    return sum(
        w * np.exp(-((energy - c) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v) for c, v, w in HUMPS
    )


def exact(quantity):
    function = integrand(quantity, MU, BOLTZMANN_EV_PER_KELVIN * TEMPERATURE)
    return quad(lambda e: function(e) * smooth_dos(e), -12, 22, limit=500, epsabs=1e-12)[0]


def kernel(name, width):
    """Nodes and weights of the kernel, and its variance."""
    nodes, weights = leggauss(200)
    nodes, weights = 40 * nodes, 40 * weights
    density = {
        "gaussian": np.exp(-(nodes**2)) / np.sqrt(np.pi),
        "fermi_dirac": 0.25 / np.cosh(nodes / 2) ** 2,
        "methfessel_paxton": np.exp(-(nodes**2)) / np.sqrt(np.pi) * (1.5 - nodes**2),
    }[name]
    relative = {"gaussian": 0.5, "fermi_dirac": math.pi**2 / 3, "methfessel_paxton": 0.0}[name]
    return width * nodes, weights * density, relative * width**2


def broadened_error(quantity, name, width, spacing, *, corrected):
    energy = np.arange(-12, 22 + spacing / 2, spacing)
    nodes, weights, variance = kernel(name, width)
    dos = smooth_dos(energy[:, None] - nodes) @ weights
    quadrature = occupation_weights(
        torch.tensor(energy),
        MU,
        TEMPERATURE,
        quantity,
        broadening_variance=variance if corrected else None,
    )
    return float(quadrature @ torch.tensor(dos)) - exact(quantity)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_correction_sees_through_a_gaussian(quantity):
    # The second order alone would leave 3 % of the plain error at this width.
    plain, corrected = (
        broadened_error(quantity, "gaussian", 0.12, 0.12, corrected=on) for on in (False, True)
    )
    assert abs(corrected) < 1e-3 * abs(plain)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_correction_removes_the_second_order_of_another_kernel(quantity):
    # Width and spacing shrink together: plain weights are of second order, corrected of fourth.
    wide, spacing, name = 0.12, 0.12, "fermi_dirac"
    plain = [
        broadened_error(quantity, name, wide / n, spacing / n, corrected=False) for n in (1, 2)
    ]
    corrected = [
        broadened_error(quantity, name, wide / n, spacing / n, corrected=True) for n in (1, 2)
    ]
    assert math.log2(plain[0] / plain[1]) == pytest.approx(2, abs=0.25)
    assert math.log2(corrected[0] / corrected[1]) == pytest.approx(4, abs=0.35)
    assert abs(corrected[0]) < 0.2 * abs(plain[0])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_kernel_without_variance_leaves_the_bias_of_the_hat_functions(quantity):
    errors = [
        broadened_error(quantity, "methfessel_paxton", 0.05, spacing, corrected=corrected)
        for spacing, corrected in ((0.2, False), (0.1, False), (0.2, True), (0.1, True))
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.2)
    assert abs(errors[2]) < 0.1 * abs(errors[0])
    assert abs(errors[3]) < 0.1 * abs(errors[1])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_correction_fades_where_the_occupation_is_one(quantity):
    # Seeing through the kernel rings a few widths beyond the Fermi edge, no further.
    energy = torch.linspace(-12, 13, 101, dtype=torch.float64)
    plain = occupation_weights(energy, 7.5, 3000.0, quantity)
    corrected = occupation_weights(energy, 7.5, 3000.0, quantity, broadening_variance=0.125)
    difference = (plain - corrected).abs()
    assert float(difference[energy < 0].max()) < 1e-3
    assert float(difference.max()) > 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": torch.tensor([0.0, 1.0, 2.5], dtype=torch.float64)}, "not uniform"),
        ({"energy": torch.arange(0, 30, 10, dtype=torch.float64)}, "not an ascending one in eV"),
        ({"energy": torch.arange(2, -1, -1, dtype=torch.float64)}, "not an ascending one in eV"),
        ({"energy": torch.arange(2, dtype=torch.float64)}, "too short"),
        ({"energy": torch.arange(3, dtype=torch.float32)}, r"expected: torch\.float64"),
        ({"temperature": 0.0}, "not a temperature in kelvin"),
        ({"temperature": 1e9}, "not a temperature in kelvin"),
        ({"broadening_variance": -0.1}, "variance of the LDOS kernel"),
        ({"broadening_variance": 400.0}, "variance of the LDOS kernel"),
        ({"quantity": "heat"}, "unknown quantity"),
    ],
)
def test_bad_input_is_refused(change, message):
    arguments = {
        "energy": torch.arange(3, dtype=torch.float64),
        "fermi_energy": 1.0,
        "temperature": 300.0,
        "quantity": "electrons",
    }
    with pytest.raises(DataError, match=message):
        occupation_weights(**(arguments | change))


def test_an_axis_stored_in_single_precision_is_uniform():
    energy = torch.arange(-50, 50.05, 0.1, dtype=torch.float32).to(torch.float64)
    assert occupation_weights(energy, 1.0, 300.0, "electrons").shape == energy.shape


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("variance", [None, 0.0, 0.125])
def test_numpy_arrays_get_the_weights_of_tensors(quantity, variance):
    energy = -7 + 0.5 * np.arange(40)
    arguments = (7.61, 5000.0, quantity)
    by_torch = occupation_weights(
        torch.from_numpy(energy), *arguments, broadening_variance=variance
    )
    by_numpy = occupation_weights(energy, *arguments, broadening_variance=variance)
    assert isinstance(by_numpy, np.ndarray)
    np.testing.assert_allclose(by_numpy, by_torch, rtol=1e-11, atol=1e-12)


def test_a_numpy_axis_in_single_precision_is_refused():
    with pytest.raises(DataError, match=r"energy\.astype\(numpy\.float64\)"):
        occupation_weights(np.arange(9, dtype=np.float32), 7.6, 5000.0, "electrons")
