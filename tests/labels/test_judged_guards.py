"""What errors are judged on: nothing that was learnt from, each once, in eV and Å."""

import numpy as np
import pytest
from small_surrogate import aluminium

from surrogate_hpo.errors import DataError
from surrogate_hpo.labels.judged_guards import check_energy, check_forces, refuse_known
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

PREDICTED = -227.3


def shuffled(seed: int):
    """The same crystal in another order, elsewhere in space, by other images."""
    atoms = aluminium(seed)[[2, 0, 3, 1]]
    atoms.positions += np.array([0.3, 0.2, -0.1]) + atoms.cell[1]
    return atoms


def test_a_learnt_structure_is_recognised_under_another_name():
    learnt = [("training-0000", aluminium(0)), ("training-0001", aluminium(1))]
    refuse_known(learnt, [("mine, structure 0", aluminium(2))], "transfer.structures")
    refuse_known([learnt[0], learnt[0]], [], "what is learnt twice is nothing to judge")
    with pytest.raises(DataError, match=r"learnt from and held out(.|\n)*mine, structure 0, alrea"):
        refuse_known(learnt, [("mine, structure 0", shuffled(1))], "transfer.structures")


def test_what_is_judged_counts_once():
    judged = [("test-0000", aluminium(0)), ("copy.extxyz, structure 3", shuffled(0))]
    with pytest.raises(DataError, match=r"count twice(.|\n)*copy.*already held out as test-0000"):
        refuse_known([], judged, "transfer.structures")


def test_what_was_held_out_before_is_not_looked_at_but_for_what_comes_new():
    twice = [("test-0000", aluminium(0)), ("test-0001", aluminium(0))]
    refuse_known([], [("mine", aluminium(1))], "transfer.structures", held_out=twice)
    with pytest.raises(DataError, match=r"count twice(.|\n)*mine, already held out as test-0000"):
        refuse_known([], [("mine", shuffled(0))], "transfer.structures", held_out=twice)


@pytest.mark.parametrize("error", [0.0, 0.9])
@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (1 / RYDBERG_EV, "rydberg"),
        (1 / HARTREE_EV, "hartree"),
        (0.25, "eV per atom"),
        (1000, "meV"),
        (1 / 0.0433641043, "kcal/mol"),
    ],
)
def test_units_of_energies_are_recognised_although_the_prediction_errs(factor, unit, error):
    with pytest.raises(DataError, match=rf"not in eV per cell(.|\n)*a.xyz(.|\n)*{unit}"):
        check_energy(factor * (PREDICTED + 4 * error), PREDICTED, 4, "a.xyz, structure 0")


def test_energies_near_the_prediction_are_taken_and_others_told_of():
    assert check_energy(PREDICTED + 2.0, PREDICTED, 4, "a.xyz") is None
    # Cohesive energies.
    assert "subtracted" in str(check_energy(-13.6, PREDICTED, 4, "a.xyz"))
    assert "other pseudopotentials" in str(check_energy(-2154.0, PREDICTED, 4, "a.xyz"))
    assert "other pseudopotentials" in str(check_energy(+227.3, PREDICTED, 4, "a.xyz"))


@pytest.mark.parametrize(
    ("factor", "unit"),
    [
        (BOHR_ANGSTROM / RYDBERG_EV, "rydberg/bohr"),
        (BOHR_ANGSTROM / HARTREE_EV, "hartree/bohr"),
        (-1.0, "opposite sign"),
        (1000.0, "meV/Å"),
    ],
)
def test_units_of_forces_are_recognised(factor, unit):
    generator = np.random.default_rng(0)
    true = generator.normal(size=(8, 3))
    predicted = true + 0.2 * generator.normal(size=(8, 3))
    check_forces(true, predicted, "a.xyz")
    with pytest.raises(DataError, match=rf"not in eV/Å(.|\n)*{unit}"):
        check_forces(factor * true, predicted, "a.xyz")


def test_forces_that_do_not_follow_the_prediction_tell_nothing():
    generator = np.random.default_rng(0)
    check_forces(0.03 * generator.normal(size=(8, 3)), generator.normal(size=(8, 3)), "a.xyz")
    check_forces(np.zeros((8, 3)), generator.normal(size=(8, 3)), "a.xyz")
