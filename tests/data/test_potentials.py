"""Potentials as files: the same numbers come back, and what is no potential is named."""

import json

import numpy as np
import pytest

from surrogate_hpo.data.potentials import read_potential, write_potential
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.priors import Morse, Zbl

ELEMENTS = ("Al", "Cu")
DESCRIPTOR = AtomDescriptor(4.25, 2, ELEMENTS, (0.5, 1.0), (0.5, 0.4))
PRIORS = [None, Zbl(ELEMENTS, 3.0, 4.25), Morse(ELEMENTS, (0.3, 0.1), (1.0, 2.0), (2.8, 2.5), 4.2)]


def potential(prior=None, members=2) -> Potential:
    generator = np.random.default_rng(0)
    return Potential(
        DESCRIPTOR,
        generator.normal(size=DESCRIPTOR.features),
        prior,
        generator.normal(size=(members, DESCRIPTOR.features)),
        {"structures": 7},
    )


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("members", [0, 2])
def test_every_number_comes_back(tmp_path, prior, members):
    path = tmp_path / "potential.json"
    made = potential(prior, members)
    write_potential(path, made, {"stage": "potential"})
    found = read_potential(path)
    assert found.descriptor == made.descriptor
    assert found.prior == prior
    assert found.details == made.details
    np.testing.assert_array_equal(found.coefficients, made.coefficients)
    np.testing.assert_array_equal(found.members, made.members)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "another"}, "form 'another'"),
        ({"coefficients_ev": [1.0, 2.0]}, r"shape \(2,\) instead of"),
        ({"coefficients_ev": [None] * 12}, "not finite"),
        ({"coefficients_ev": []}, r"shape \(0,\)"),
        ({"descriptor": {"twojmax": 10**9}}, "twojmax 1000000000"),
        ({"descriptor": {"twojmax": True}}, "twojmax True"),
        ({"descriptor": {"cutoff_radius": 1e9}}, "cutoff_radius"),
        ({"descriptor": {"elements": ["Al", "Xx"]}}, "elements"),
        ({"descriptor": {"elements": ["Al", "Al"]}}, "occurs twice"),
        ({"descriptor": {"radii": [0.5]}}, r"radii of shape \(1,\)"),
        ({"prior": {"inner": 9.0}}, "inner cutoff"),
        ({"prior": {"kind": "buckingham"}}, "buckingham"),
        ({"prior": {"elements": ["Al"]}}, "other elements"),
    ],
)
def test_what_is_no_potential_is_named(tmp_path, change, message):
    path = tmp_path / "potential.json"
    write_potential(path, potential(PRIORS[1]), {})
    content = json.loads(path.read_text())
    for key, value in change.items():
        content[key] = content[key] | value if isinstance(value, dict) else value
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"is no potential(.|\n)*potential\.json(.|\n)*{message}"):
        read_potential(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"missing(.|\n)*none\.json"):
        read_potential(tmp_path / "none.json")
