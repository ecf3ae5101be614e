"""Networks that correct a linear potential: better than it alone, exact slopes, files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from emt_data import alloy

from surrogate_hpo.data.potentials import read_potential, write_potential
from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.lammps.potential_files import lammps_files
from surrogate_hpo.potential.architectures import score_data
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.options import FitOptions, NetworkOptions

# Few components, so that the linear potential leaves something.
LINEAR = FitOptions(cutoff_radii=(4.5,), twojmax=(2,), force_weights=(0.1,), prior="zbl", members=2)
WITH = replace(LINEAR, network=NetworkOptions((6,), "tanh", 80))
DATA = [alloy(seed) for seed in range(24)]


@pytest.fixture(scope="module")
def potentials():
    return [fit_potential(DATA, options, seed=2) for options in (LINEAR, WITH)]


def errors(potential, data) -> float:
    """The loss of the fit: energies per atom and forces."""
    found = [potential.predict(one.atoms) for one in data]
    energies = [(f.energy - one.energy) / 4 for f, one in zip(found, data, strict=True)]
    forces = [f.forces - one.forces for f, one in zip(found, data, strict=True)]
    return float(np.mean(np.square(energies)) + 0.1**2 * np.mean(np.square(forces)))


def test_networks_make_the_potential_better_also_on_the_snapshots_that_stop_them(potentials):
    linear, both = potentials
    np.testing.assert_array_equal(linear.coefficients, both.coefficients)
    assert both.details["network"] == "6 tanh"
    assert errors(both, DATA[::5]) < errors(linear, DATA[::5])
    assert errors(both, DATA) < errors(linear, DATA)
    others = [alloy(seed) for seed in range(30, 36)]
    assert errors(both, others) < 1.2 * errors(linear, others)


def test_forces_and_stress_are_the_derivatives_of_the_energy(potentials):
    atoms, potential = DATA[1].atoms, potentials[1]
    found = potential.predict(atoms, spread=True)
    assert found.energy_std > 0

    def energy(shift=0.0, strain=0.0):
        moved = atoms.copy()
        moved.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        moved.positions += shift
        return potential.predict(moved).energy

    scale = np.abs(found.forces).max()
    for index in (0, 5, 10):
        step = np.eye(12)[index].reshape(4, 3) * 1e-4
        slope = (
            8 * (energy(step) - energy(-step)) - (energy(2 * step) - energy(-2 * step))
        ) / 12e-4
        assert found.forces.flat[index] == pytest.approx(-slope, abs=1e-6 * scale)
    step = np.eye(9)[4].reshape(3, 3) * 1e-5
    slope = (energy(strain=step) - energy(strain=-step)) / 2e-5 / atoms.get_volume()
    assert found.stress.flat[4] == pytest.approx(slope, abs=1e-5)


def test_files_keep_them_and_lammps_is_told_that_it_has_none(potentials, tmp_path):
    path = tmp_path / "potential.json"
    write_potential(path, potentials[1], {})
    again = read_potential(path)
    expected = potentials[1].predict(DATA[0].atoms)
    found = again.predict(DATA[0].atoms)
    assert found.energy == expected.energy
    np.testing.assert_array_equal(found.forces, expected.forces)
    assert "networks of this potential are left out" in lammps_files(again)["potential.in"]
    assert "networks" not in lammps_files(potentials[0])["potential.in"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": {"hidden_widths": [], "activation": "tanh"}}, "at least one unit"),
        ({"architecture": {"hidden_widths": [7], "activation": "tanh"}}, "shape"),
        ({"parameters_ev": []}, "other elements or layers"),
        ({"scales": [[0.0] * 5] * 2}, "not positive"),
    ],
)
def test_networks_that_make_no_sense_are_named(potentials, tmp_path, change, message):
    path = tmp_path / "potential.json"
    write_potential(path, potentials[1], {})
    content = json.loads(path.read_text())
    content["network"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"is no potential(.|\n)*{message}"):
        read_potential(path)


@pytest.mark.parametrize("score", ["short_training", "naswot"])
def test_of_several_networks_one_is_chosen_and_fitted(score):
    network = NetworkOptions((6,), "tanh", 20, candidates=((2,), (4, 4)), score=score)
    made = fit_potential(DATA[:10], replace(LINEAR, network=network, members=0), seed=2)
    told = {one["network"]: one["score"] for one in made.details["network_scores"]}
    assert list(told) == ["2 tanh", "4x4 tanh"]
    assert made.details["network_score"] == score
    best = min if score == "short_training" else max
    assert made.details["network"] == best(told, key=told.__getitem__)
    assert made.networks.architecture.label == made.details["network"]


def test_networks_are_scored_on_what_they_see():
    descriptor = AtomDescriptor(4.5, 2, ("Al", "Cu"))
    data = score_data(DATA, descriptor, seed=0)
    assert data.inputs.shape == (4 * len(DATA), descriptor.components)
    kinds = np.concatenate([descriptor.kinds(one.atoms) for one in DATA])
    for kind in range(2):
        of_kind = data.inputs[kinds == kind]
        assert of_kind.mean(dim=0).numpy() == pytest.approx(0, abs=1e-5)
        assert of_kind.std(dim=0, correction=0).numpy() == pytest.approx(1, abs=1e-4)
