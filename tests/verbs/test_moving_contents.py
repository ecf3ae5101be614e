"""What a structure file says beyond positions, for `relax` and `dynamics`: kept, told or refused."""

import numpy as np
import pytest
from ase import units
from ase.constraints import FixAtoms, FixedLine
from ase.io import read, write
from small_surrogate import aluminium, written

from surrogate_hpo.cli import main

LIMITS = ("--largest-extrapolation", "50")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moving")
    written(folder, seeds=1)
    return folder


def move(folder, atoms, verb, *options, name="atoms.traj"):
    write(folder / name, atoms)
    output = folder / "output"
    common = ("--anew", "--output", str(output))
    main([verb, str(folder / "surrogate.pt"), str(folder / name), *common, *options])
    return read(output / "final.extxyz")


def moved(found, atoms):
    return np.linalg.norm(found.positions - atoms.positions, axis=1)


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("relax", ("--max-steps", "2")),
        ("dynamics", ("--steps", "2", "--temperature-kelvin", "300", *LIMITS)),
    ],
)
def test_fixed_atoms_stay_and_the_last_structure_still_says_so(folder, verb, options):
    atoms = aluminium(1)
    atoms.set_constraint(FixAtoms([0, 2]))
    found = move(folder, atoms, verb, *options)
    assert moved(found, atoms)[[0, 2]].max() < 1e-7
    assert moved(found, atoms)[[1, 3]].min() > 1e-4
    assert found.constraints[0].get_indices().tolist() == [0, 2]


@pytest.mark.parametrize("verb", ["relax", "dynamics"])
@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (FixedLine([1], [1, 0, 0]), r"cannot be kept(.|\n)*FixedLine"),
        (FixAtoms([0, 1, 2, 3]), "none can move"),
    ],
)
def test_constraints_that_cannot_be_kept_are_refused(folder, verb, constraint, message):
    atoms = aluminium(1)
    atoms.set_constraint(constraint)
    options = () if verb == "relax" else ("--steps", "1", "--temperature-kelvin", "300")
    with pytest.raises(SystemExit, match=message):
        move(folder, atoms, verb, *options)


def test_moments_are_told_not_to_count(folder, caplog):
    atoms = aluminium(1)
    atoms.set_initial_magnetic_moments([1, 0, 0, 0])
    move(folder, atoms, "relax", "--max-steps", "1")
    assert "magnetic moments" in caplog.text


def first_row(folder):
    names, values = (folder / "output/log.csv").read_text().splitlines()[:2]
    return dict(zip(names.split(","), values.split(","), strict=True))


def test_masses_of_the_file_move_the_atoms(folder):
    """Kinetic energy and motion follow from them: with those of aluminium 27 times shorter."""
    atoms = aluminium(1)
    momenta = np.random.default_rng(0).normal(size=(4, 3))
    atoms.set_masses([1.0] * 4)
    atoms.set_momenta(momenta - momenta.mean(axis=0))
    found = move(folder, atoms, "dynamics", "--keep-velocities", "--steps", "1", *LIMITS)
    kinetic = float(first_row(folder)["kinetic_energy_ev"])
    assert kinetic == pytest.approx(atoms.get_kinetic_energy())
    drift = atoms.positions + atoms.get_velocities() * units.fs
    assert np.linalg.norm(found.positions - drift, axis=1).max() < 0.5 * moved(found, atoms).min()
    assert found.get_masses() == pytest.approx(1.0)


def test_a_common_drift_is_removed_and_heats_nothing(folder):
    atoms = aluminium(1)
    momenta = np.random.default_rng(0).normal(size=(4, 3))
    momenta -= momenta.mean(axis=0)
    atoms.set_momenta(momenta)
    expected = atoms.get_kinetic_energy()
    for drift in (0.0, 5.0):
        atoms.set_momenta(momenta + drift)
        move(folder, atoms, "dynamics", "--keep-velocities", "--steps", "1", *LIMITS)
        assert float(first_row(folder)["kinetic_energy_ev"]) == pytest.approx(expected)


def test_atoms_at_rest_may_begin_to_move(folder):
    atoms = aluminium(1)
    atoms.set_momenta(np.zeros((4, 3)))
    found = move(folder, atoms, "dynamics", "--keep-velocities", "--steps", "2", *LIMITS)
    assert float(first_row(folder)["kinetic_energy_ev"]) == 0
    assert found.get_kinetic_energy() > 0


@pytest.mark.parametrize(
    ("momentum", "message"),
    [(np.nan, "undefined"), (1e6, r"a temperature below(.|\n)*ASE's units")],
)
def test_velocities_without_sense_are_refused(folder, momentum, message):
    atoms = aluminium(1)
    momenta = np.zeros((4, 3))
    momenta[1, 1] = momentum
    atoms.set_momenta(momenta)
    with pytest.raises(SystemExit, match=message):
        move(folder, atoms, "dynamics", "--keep-velocities", "--steps", "1")


def test_masses_without_sense_are_refused(folder):
    atoms = aluminium(1)
    atoms.set_masses([27, 27, 0, 27])
    with pytest.raises(SystemExit, match="masses of the structure make no sense"):
        move(folder, atoms, "relax")
