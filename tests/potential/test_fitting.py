"""From labelled structures to a potential: accuracy, derivatives, units, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from emt_data import alloy, aluminium
from scipy.spatial.transform import Rotation

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential.options import FitOptions

OPTIONS = FitOptions(
    cutoff_radii=(4.5,), twojmax=(4,), force_weights=(0.1,), stress_weight=0.1, members=3
)
ALUMINIUM = [aluminium(seed) for seed in range(10)]
ALLOY = [alloy(seed) for seed in range(12)]


@pytest.fixture(scope="module", params=["none", "morse", "zbl"])
def potential(request) -> Potential:
    return fit_potential(ALLOY, replace(OPTIONS, prior=request.param), seed=1)


def test_energies_forces_and_stress_of_others_are_predicted(potential):
    held_out = [alloy(seed) for seed in range(20, 26)]
    found = [potential.predict(one.atoms) for one in held_out]
    energies = [(f.energy - one.energy) / 4 for f, one in zip(found, held_out, strict=True)]
    forces = np.array([f.forces - one.forces for f, one in zip(found, held_out, strict=True)])
    size = np.sqrt(np.mean([one.forces**2 for one in held_out]))
    assert np.sqrt(np.mean(np.square(energies))) < 0.02
    assert np.sqrt(np.mean(forces**2)) < 0.15 * size
    for f, one in zip(found, held_out, strict=True):
        assert f.stress == pytest.approx(one.stress, abs=0.03)


def test_forces_and_stress_are_the_derivatives_of_the_energy(potential):
    atoms = ALLOY[1].atoms
    found = potential.predict(atoms)

    def energy(shift=0.0, strain=0.0):
        moved = atoms.copy()
        moved.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        moved.positions += shift
        return potential.predict(moved).energy

    scale = np.abs(found.forces).max()
    for index in (0, 4, 11):
        step = np.zeros(12)
        step[index] = 1e-4
        step = step.reshape(4, 3)
        near = energy(step) - energy(-step)
        far = energy(2 * step) - energy(-2 * step)
        slope = (8 * near - far) / 12e-4
        assert found.forces.flat[index] == pytest.approx(-slope, abs=1e-6 * scale)
    for index in (0, 5):
        step = np.zeros(9)
        step[index] = 1e-5
        step = step.reshape(3, 3)
        slope = (energy(strain=step) - energy(strain=-step)) / 2e-5 / atoms.get_volume()
        assert found.stress.flat[index] == pytest.approx(slope, abs=1e-5)
    assert found.forces.sum(axis=0) == pytest.approx(0, abs=1e-9 * scale)


def test_symmetries(potential):
    atoms = ALLOY[2].atoms
    expected = potential.predict(atoms, spread=True)
    turn = Rotation.random(rng=np.random.default_rng(3)).as_matrix()
    turned, larger = atoms.copy(), atoms * (2, 1, 1)
    turned.set_cell(atoms.cell[:] @ turn, scale_atoms=True)
    order = np.array([3, 1, 0, 2])
    for other, forces in (
        (turned, expected.forces @ turn),
        (atoms[order], expected.forces[order]),
    ):
        found = potential.predict(other)
        assert found.energy == pytest.approx(expected.energy, abs=1e-9)
        assert found.forces == pytest.approx(forces, abs=1e-9)
    assert potential.predict(larger).energy == pytest.approx(2 * expected.energy, abs=1e-9)
    assert expected.energy_std > 0
    assert expected.forces_std.shape == expected.forces.shape


def test_the_choice_is_that_with_the_smallest_left_out_error():
    poor, good = replace(OPTIONS, cutoff_radii=(3.0,)), OPTIONS
    both = fit_potential(ALUMINIUM, replace(OPTIONS, cutoff_radii=(3.0, 4.5)), seed=0)
    errors = {
        options.cutoff_radii[0]: fit_potential(ALUMINIUM, options, seed=0).details[
            "left_out_force_rmse_mev_per_angstrom"
        ]
        for options in (poor, good)
    }
    assert both.descriptor.cutoff_radius == min(errors, key=errors.__getitem__)
    assert both.details["left_out_force_rmse_mev_per_angstrom"] == pytest.approx(
        min(errors.values())
    )


def test_seeds_decide_the_members_and_nothing_else():
    one, same, other = (fit_potential(ALUMINIUM, OPTIONS, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.members, same.members)
    np.testing.assert_array_equal(one.coefficients, other.coefficients)
    assert not np.allclose(one.members, other.members)
    assert (
        fit_potential(ALUMINIUM, replace(OPTIONS, members=0), seed=1)
        .predict(ALUMINIUM[0].atoms, spread=True)
        .energy_std
        is None
    )


def scaled(one: Labelled, energy: float = 1.0, forces: float = 1.0) -> Labelled:
    return replace(one, energy=energy * one.energy, forces=forces * one.forces)


@pytest.mark.parametrize(
    ("factors", "unit"),
    [
        ((1 / 27.2114, 1), "energies in hartree"),
        ((1 / 13.6057, 1), "energies in rydberg"),
        ((23.0605, 1), "energies in kcal/mol"),
        ((96.485, 1), "energies in kJ/mol"),
        ((1, 1 / 51.422), "forces in hartree/bohr"),
        ((1, 1 / 25.711), "forces in rydberg/bohr"),
        ((1, -1), "opposite sign"),
        ((7.0, 1), "a unit that is not known here"),
    ],
)
def test_an_energy_in_another_unit_is_recognised_by_its_factor(factors, unit):
    data = [scaled(one, *factors) for one in ALUMINIUM]
    with pytest.raises(DataError, match=rf"not in the same units(.|\n)*looks like(.|\n)*{unit}"):
        fit_potential(data, OPTIONS, seed=0)


def test_data_without_forces_are_named():
    data = [*ALUMINIUM[:4], replace(ALUMINIUM[4], forces=None)]
    with pytest.raises(
        DataError, match=r"forces that are not known(.|\n)*aluminium-4(.|\n)*force_weights: \[\]"
    ):
        fit_potential(data, OPTIONS, seed=0)
    alone = fit_potential(data, replace(OPTIONS, force_weights=(), stress_weight=0.0), seed=0)
    assert alone.details["force_components"] == 0
    with pytest.raises(DataError, match=r"stress that are not known(.|\n)*stress_weight: 0"):
        fit_potential(
            [replace(one, stress=None) for one in data], replace(OPTIONS, force_weights=()), 0
        )


def test_an_element_that_was_not_learnt_is_named():
    made = fit_potential(ALUMINIUM, OPTIONS, seed=0)
    with pytest.raises(DataError, match=r"knows nothing of an element(.|\n)*Al(.|\n)*got: Cu"):
        made.predict(ALLOY[0].atoms)


def test_too_few_structures_are_refused():
    with pytest.raises(DataError, match="so few structures"):
        fit_potential(ALUMINIUM[:2], OPTIONS, seed=0)
