"""Densities of a Fermi energy that is known afterwards: against the weights themselves."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.density_expansion import DensityExpansion
from surrogate_hpo.physics.fermi_bracket import (
    INTERPOLATION_ERROR,
    FermiBracket,
    interpolation_bound,
)
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.structure_integrals import electron_slope
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

ENERGY = torch.arange(-4.0, 12.01, 0.25, dtype=torch.float64)
ENERGIES = st.floats(3.0, 7.0)
TEMPERATURES = st.floats(200.0, 8000.0)
WIDTHS = st.floats(0.001, 0.3)  # of kT
PLACES = st.floats(-1.0, 1.0)
VARIANCES = st.sampled_from([None, 0.0, 0.125, 0.72])


def kelvin_to_ev(temperature):
    return BOLTZMANN_EV_PER_KELVIN * temperature


@given(centre=ENERGIES, temperature=TEMPERATURES, width=WIDTHS, place=PLACES, variance=VARIANCES)
@settings(max_examples=12, deadline=None)
def test_any_fermi_energy_of_the_bracket_has_its_weights(
    centre, temperature, width, place, variance
):
    half_width = width * kelvin_to_ev(temperature)
    bracket = FermiBracket.around(centre, half_width, temperature)
    mu = centre + place * half_width
    c = bracket.coefficients(ENERGY, temperature, broadening_variance=variance)
    options = {"broadening_variance": variance}
    exact = occupation_weights(ENERGY, mu, temperature, "electrons", **options)
    slope = electron_slope(ENERGY, torch.tensor(mu, dtype=torch.float64), temperature, **options)
    assert (bracket.polynomials(mu) @ c - exact).abs().max() < 2e-10 * exact.abs().max()
    assert (bracket.slopes(mu) @ c - slope).abs().max() < 2e-7 * slope.abs().max()


@given(centre=ENERGIES, width=st.floats(0.001, 2.0), nodes=st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_an_occupation_is_off_by_no_more_than_the_bound(centre, width, nodes):
    temperature = 3000.0
    kt = kelvin_to_ev(temperature)
    angles = math.pi * (np.arange(nodes) + 0.5) / nodes
    x = np.linspace(-1, 1, 101)
    at_nodes, wanted = (1 / (np.exp((5.0 - centre) / kt - width * at) + 1)
                        for at in (np.cos(angles), x))  # fmt: skip
    fit = np.polynomial.chebyshev.chebfit(np.cos(angles), at_nodes, nodes - 1)
    error = np.abs(np.polynomial.chebyshev.chebval(x, fit) - wanted).max()
    assert error <= interpolation_bound(nodes, width) + 1e-14


def test_few_nodes_are_enough_and_one_less_is_not():
    assert FermiBracket.around(7.6, 0.02, 5000.0).nodes == 6
    assert FermiBracket.around(7.6, 0.001, 5000.0).nodes == 4
    bracket = FermiBracket.around(7.6, 0.3 * kelvin_to_ev(298.0), 298.0)
    assert bracket.nodes <= 10
    assert interpolation_bound(bracket.nodes - 1, 0.3) > INTERPOLATION_ERROR


def test_outside_of_the_bracket_nothing_is_told():
    bracket = FermiBracket.around(5.0, 0.01, 3000.0)
    assert bracket.holds(5.0099)
    assert not bracket.holds(5.02)
    with pytest.raises(DataError, match=r"outside of the bracket(.|\n)*5 ± 0.01 eV(.|\n)*5.02 eV"):
        bracket.polynomials(5.02)


@pytest.mark.parametrize(
    ("centre", "half_width", "message"),
    [(5.0, 3.0, "too wide"), (5.0, 0.0, "no bracket"), (math.nan, 0.1, "no bracket")],
)
def test_brackets_without_sense_are_refused(centre, half_width, message):
    with pytest.raises(DataError, match=message):
        FermiBracket.around(centre, half_width, 298.0)


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(torch.float64, 1e-11), (torch.float32, 1e-9)]
)
def test_the_density_of_a_streamed_ldos_is_that_of_the_whole(precision, tolerance):
    generator = torch.Generator().manual_seed(1)
    ldos = torch.rand(50, len(ENERGY), generator=generator, dtype=torch.float64)
    bracket = FermiBracket.around(5.0, 0.02, 5000.0)
    c = bracket.coefficients(ENERGY, 5000.0, broadening_variance=0.125)
    expansion = DensityExpansion(bracket, c, 50, precision)
    for begin in (0, 7, 30):
        expansion.put(begin, c @ ldos[begin : {0: 7, 7: 30, 30: 50}[begin]].T)
    mu = torch.tensor(5.013, dtype=torch.float64)
    exact = ldos @ occupation_weights(ENERGY, mu, 5000.0, "electrons", broadening_variance=0.125)
    slope = ldos @ electron_slope(ENERGY, mu, 5000.0, broadening_variance=0.125)
    np.testing.assert_allclose(expansion.density(5.013), exact, rtol=tolerance)
    np.testing.assert_allclose(expansion.density(5.013, 10, 20), exact[10:20], rtol=tolerance)
    np.testing.assert_allclose(expansion.slope(5.013), slope, rtol=1e3 * tolerance)
