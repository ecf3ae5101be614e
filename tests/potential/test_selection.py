"""Descriptors of atoms compared without a fit: kernel spread, ACSD, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from emt_data import alloy, aluminium
from pydantic import ValidationError
from scipy.spatial.transform import Rotation
from scipy.stats import skew

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.options import FitOptions, SelectionOptions
from surrogate_hpo.potential.selection import DescriptorScore, best_descriptor, score_descriptors
from surrogate_hpo.stages.potential.settings import PotentialSettings

SPREAD, ACSD = SelectionOptions("kernel_spread"), SelectionOptions("acsd")
ALUMINIUM = [aluminium(seed) for seed in range(8)]
CANDIDATES = [
    AtomDescriptor(cutoff, twojmax, ("Al",)) for cutoff in (3.5, 4.5) for twojmax in (2, 4)
]


def structures(data):
    return [one.atoms for one in data]


def unit_vectors(data, descriptor):
    vectors = np.vstack([descriptor.bispectrum(one.atoms)() for one in data])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("power", [1, 6])
def test_the_moments_are_those_of_the_kernel_over_pairs_of_one_element(power):
    data = [alloy(seed) for seed in range(6)]
    descriptor = AtomDescriptor(4.0, 4, ("Al", "Cu"))
    (found,) = score_descriptors(
        structures(data), [descriptor], replace(SPREAD, power=power), seed=0
    )
    vectors = unit_vectors(data, descriptor)
    symbols = [symbol for one in data for symbol in one.atoms.symbols]
    kernel = [
        (vectors[i] @ vectors[j]) ** power
        for i in range(len(vectors))
        for j in range(i)
        if symbols[i] == symbols[j]
    ]
    assert found.kernel_std == pytest.approx(np.std(kernel), rel=1e-9)
    assert found.kernel_skewness == pytest.approx(skew(kernel), rel=1e-6)
    assert found.score == pytest.approx(np.std(kernel) / (1 + abs(skew(kernel))), rel=1e-6)


def test_scores_do_not_depend_on_orientation_or_order():
    expected = score_descriptors(structures(ALUMINIUM), CANDIDATES, SPREAD, seed=0)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    other = [one[[2, 0, 3, 1]] for one in structures(ALUMINIUM[::-1])]
    for atoms in other:
        atoms.set_cell(atoms.cell[:] @ turn, scale_atoms=True)
    found = score_descriptors(other, CANDIDATES, SPREAD, seed=5)
    for one, two in zip(expected, found, strict=True):
        assert one.kernel_std == pytest.approx(two.kernel_std, rel=1e-7)
        assert one.score == pytest.approx(two.score, rel=1e-5)


def test_fewer_atoms_are_drawn_by_the_seed():
    few = replace(SPREAD, environments=10)
    one, same, other = (
        score_descriptors(structures(ALUMINIUM), CANDIDATES, few, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_the_choice_is_on_the_pareto_front():
    scores = score_descriptors(structures(ALUMINIUM), CANDIDATES, SPREAD, seed=0)
    chosen = scores[best_descriptor(scores, SPREAD)]
    assert chosen.pareto
    for one in scores:
        beaten = [
            other
            for other in scores
            if other.kernel_std >= one.kernel_std
            and abs(other.kernel_skewness) <= abs(one.kernel_skewness)
            and other != one
        ]
        assert one.pareto is not bool(beaten)


def test_a_wide_and_lopsided_kernel_loses_to_an_even_one():
    wide, even = (
        DescriptorScore(4.0, 2, std, gamma, pareto=True, score=std / (1 + abs(gamma)))
        for std, gamma in ((0.2, -3.0), (0.1, 0.2))
    )
    assert best_descriptor([wide, even], SPREAD) == 1
    # Of distances the smallest one wins.
    assert best_descriptor([wide, even], ACSD) == 0


def test_acsd_finds_the_descriptor_that_the_densities_of_states_resemble():
    twin = CANDIDATES[2]
    dos = [one.copy() for one in np.split(unit_vectors(ALUMINIUM, twin), len(ALUMINIUM))]
    scores = score_descriptors(structures(ALUMINIUM), CANDIDATES, ACSD, seed=0, dos=dos)
    assert best_descriptor(scores, ACSD) == 2
    assert scores[2].score == pytest.approx(0, abs=1e-12)
    assert min(scores[0].score, scores[1].score, scores[3].score) > 1e-6


@pytest.mark.parametrize("kind", ["kernel_spread", "acsd"])
def test_a_potential_of_a_selected_descriptor_is_that_of_the_descriptor_alone(kind):
    data = [replace(one, dos=np.exp(one.forces)) for one in ALUMINIUM]
    options = FitOptions(
        cutoff_radii=(3.5, 4.5), twojmax=(2, 4), force_weights=(0.1,), prior="zbl", members=2
    )
    made = fit_potential(data, replace(options, selection=SelectionOptions(kind)), seed=3)
    taken = made.descriptor
    alone = fit_potential(
        data,
        replace(options, cutoff_radii=(taken.cutoff_radius,), twojmax=(taken.twojmax,)),
        seed=3,
    )
    np.testing.assert_array_equal(made.coefficients, alone.coefficients)
    np.testing.assert_array_equal(made.members, alone.members)
    assert made.details["selection"] == kind
    assert len(made.details["descriptor_scores"]) == 4
    assert alone.details["selection"] == "error"


def test_too_few_atoms_and_missing_densities_of_states_are_named():
    with pytest.raises(DataError, match=r"too few atoms(.|\n)*selection: error"):
        score_descriptors(
            structures([alloy(0)]), [AtomDescriptor(4.0, 2, ("Al", "Cu"))], SPREAD, seed=0
        )
    with pytest.raises(DataError, match=r"not those of the structures(.|\n)*32 atoms(.|\n)*got: 0"):
        score_descriptors(structures(ALUMINIUM), CANDIDATES, ACSD, seed=0)
    zero = [np.zeros((4, 3))] * len(ALUMINIUM)
    with pytest.raises(DataError, match="zero or not finite"):
        score_descriptors(structures(ALUMINIUM), CANDIDATES, ACSD, seed=0, dos=zero)


def test_own_files_have_no_densities_of_states():
    with pytest.raises(ValidationError, match="choose kernel_spread or error"):
        PotentialSettings(files=["own.extxyz"], hyperparameters={"selection": "acsd"})
    settings = PotentialSettings(hyperparameters={"selection": "acsd"})
    assert settings.needs_dos
    assert settings.options().selection == ACSD
