"""Weights and radii per element."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.elements import atom_parameters, element_parameters
from surrogate_hpo.errors import ConfigError

SYMBOLS = ["Al", "Ti", "Al", "O"]
WEIGHTS = {"Al": 1.0, "Ti": 1.7, "O": 0.6}


def test_one_element_weighs_one():
    weights, radii = atom_parameters(["Al"] * 3, {}, {})
    np.testing.assert_array_equal(weights, [1, 1, 1])
    np.testing.assert_array_equal(radii, [0.5, 0.5, 0.5])
    assert element_parameters(["Al"], {}, {"Al": 0.4}) == ({"Al": 1.0}, {"Al": 0.4})


def test_each_atom_gets_what_its_element_has():
    weights, radii = atom_parameters(SYMBOLS, WEIGHTS, {"O": 0.3})
    np.testing.assert_array_equal(weights, [1.0, 1.7, 1.0, 0.6])
    np.testing.assert_array_equal(radii, [0.5, 0.5, 0.5, 0.3])


def test_elements_that_are_given_stay_known_where_they_do_not_occur():
    """A choice made on some snapshots serves others with more elements."""
    weights, radii = element_parameters(["Al"], WEIGHTS, {"O": 0.3})
    assert weights == WEIGHTS
    assert radii == {"Al": 0.5, "O": 0.3, "Ti": 0.5}
    assert element_parameters(SYMBOLS, weights, radii) == (weights, radii)


def test_several_elements_need_weights_but_they_may_be_equal():
    with pytest.raises(
        ConfigError, match=r"indistinguishable(.|\n)*Al, Ti(.|\n)*Al: 0\.591, Ti: 1"
    ):
        atom_parameters(["Ti", "Al"], {}, {})
    assert element_parameters(["Ti", "Al"], {"Al": 1, "Ti": 1}, {})[0] == {"Al": 1.0, "Ti": 1.0}


@pytest.mark.parametrize(
    ("weights", "radii", "message"),
    [
        ({"Al": 1.0, "O": 2.0}, {}, r"no weight(.|\n)*for Ti"),
        (WEIGHTS | {"AL": 1.0}, {}, r"no such element(.|\n)*element_weights\.AL(.|\n)*`Al`\?"),
        (WEIGHTS, {"Tii": 0.5}, r"no such element(.|\n)*element_radii\.Tii(.|\n)*`Ti`\?"),
        (WEIGHTS | {"X": 1.0}, {}, r"no such element(.|\n)*got: X"),
        (WEIGHTS | {"O": np.nan}, {}, r"not a finite number(.|\n)*element_weights\.O(.|\n)*nan"),
        (WEIGHTS | {"O": np.inf}, {}, r"not a finite number(.|\n)*inf"),
        (WEIGHTS, {"O": 0.0}, r"not positive(.|\n)*element_radii\.O"),
        (WEIGHTS, {"O": -0.5}, r"not positive(.|\n)*-0\.5"),
        (WEIGHTS, {"O": np.inf}, r"not positive(.|\n)*inf"),
    ],
)
def test_bad_elements_are_named(weights, radii, message):
    with pytest.raises(ConfigError, match=message):
        atom_parameters(SYMBOLS, weights, radii)


@given(swap=st.permutations(range(4)), radius=st.floats(0.3, 0.7))
def test_descriptors_see_elements_not_the_order_of_atoms(swap, radius):
    generator = np.random.default_rng(0)
    positions, points = generator.uniform(0, 4, (4, 3)), generator.uniform(0, 4, (5, 3))

    def descriptors(order):
        weights, radii = atom_parameters([SYMBOLS[i] for i in order], WEIGHTS, {"O": radius})
        return bispectrum(
            points,
            positions[list(order)],
            4 * np.eye(3),
            cutoff_radius=3.0,
            twojmax=4,
            weights=weights,
            radii=radii,
        )

    reference = descriptors(range(4))
    np.testing.assert_allclose(descriptors(swap), reference, rtol=1e-10, atol=1e-10)
