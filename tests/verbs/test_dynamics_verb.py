"""`surrogate-hpo dynamics`: conserved energy, exact continuation, refusals."""

import csv
import json
import os
import shutil
import signal

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read, write
from small_surrogate import aluminium, written

from surrogate_hpo.cli import main
from surrogate_hpo.simulation import motion as motions
from surrogate_hpo.simulation.dynamics import DynamicsMotion, statistics
from surrogate_hpo.simulation.radial_distribution import radial_distribution

FILES = {"log.csv", "trajectory.extxyz", "state.json", "final.extxyz", "summary.json"}
FILES |= {"rdf.csv", "rdf.png"}
COMMON = ("--temperature-kelvin", "300", "--every", "2", "--largest-extrapolation", "50")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dynamics")
    written(folder, seeds=1)
    write(folder / "atoms.xyz", aluminium(1), format="extxyz")
    return folder


def dynamics(folder, output, *options, atoms="atoms.xyz", steps=6):
    files = [str(folder / "surrogate.pt"), str(folder / atoms)]
    given = () if "--temperature-kelvin" in options else COMMON
    options = (*given, "--steps", str(steps), *options)
    main(["dynamics", *files, "--output", str(folder / output), *options])
    return folder / output


def rows(output):
    with (output / "log.csv").open() as handle:
        return list(csv.DictReader(handle))


def summary(output):
    return json.loads((output / "summary.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(folder):
    return {
        ensemble: dynamics(folder, f"whole-{ensemble}", "--ensemble", ensemble)
        for ensemble in ("nve", "nvt")
    }


def assert_same(first, second):
    for name in ("log.csv", "trajectory.extxyz", "final.extxyz", "rdf.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert summary(first) == summary(second)


def test_log_and_trajectory_have_what_they_promise(undisturbed):
    output = undisturbed["nve"]
    assert {path.name for path in output.iterdir()} == FILES
    table = rows(output)
    assert [int(row["step"]) for row in table] == list(range(7))
    assert [float(row["time_femtosecond"]) for row in table] == list(range(7))
    frames = read(output / "trajectory.extxyz", index=":")
    assert [frame.info["step"] for frame in frames] == [0, 2, 4, 6]
    for frame in frames:
        row = table[frame.info["step"]]
        assert frame.get_potential_energy() == pytest.approx(float(row["free_energy_ev"]))
        assert frame.get_kinetic_energy() == pytest.approx(
            float(row["kinetic_energy_ev"]), abs=1e-6
        )
        force = np.linalg.norm(frame.get_forces(), axis=1).max()
        assert force == pytest.approx(float(row["largest_force_ev_per_angstrom"]), abs=1e-6)
    found = summary(output)
    assert (found["steps"], found["finished"], found["stopped_by"]) == (6, True, None)
    assert found["settings"]["ensemble"] == "nve"
    assert {name.rpartition("/")[2] for name in found["provenance"]["inputs"]} == {
        *("surrogate.pt", "atoms.xyz")
    }


def test_the_total_energy_is_conserved_and_kinetic_energy_is_not(undisturbed):
    table = rows(undisturbed["nve"])
    total = np.array([float(row["total_energy_ev"]) for row in table])
    kinetic = np.array([float(row["kinetic_energy_ev"]) for row in table])
    assert np.ptp(total) < 0.02 * np.ptp(kinetic)


def test_a_thermostat_has_no_drift(undisturbed):
    assert summary(undisturbed["nvt"])["drift_mev_per_atom_per_picosecond"] is None


@pytest.mark.parametrize("ensemble", ["nve", "nvt"])
def test_a_terminated_run_goes_on_with_the_same_numbers(folder, undisturbed, ensemble, monkeypatch):
    step = DynamicsMotion.step
    count = 0

    def interrupted(self):
        nonlocal count
        count += 1
        if count == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        step(self)

    monkeypatch.setattr(DynamicsMotion, "step", interrupted)
    with pytest.raises(SystemExit) as stop:
        dynamics(folder, f"cut-{ensemble}", "--ensemble", ensemble)
    assert stop.value.code == 75
    assert json.loads((folder / f"cut-{ensemble}/state.json").read_text())["step"] == 3
    output = dynamics(folder, f"cut-{ensemble}", "--ensemble", ensemble)
    assert count == 6  # none twice
    assert_same(output, undisturbed[ensemble])


def test_a_killed_run_loses_what_was_written_after_the_last_save(folder, undisturbed, monkeypatch):
    step = DynamicsMotion.step
    count = 0

    def killed(self):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        step(self)

    due = iter([False, False, True, False])
    with monkeypatch.context() as patch:
        patch.setattr(DynamicsMotion, "step", killed)
        patch.setattr(motions.Recording, "is_due", lambda _: next(due))
        with pytest.raises(KeyboardInterrupt):
            dynamics(folder, "killed", "--ensemble", "nvt")
    assert json.loads((folder / "killed/state.json").read_text())["step"] == 2
    assert len(rows(folder / "killed")) == 4  # one more than the state knows of
    assert_same(dynamics(folder, "killed", "--ensemble", "nvt"), undisturbed["nvt"])


def test_more_steps_continue_a_finished_run_and_the_same_compute_nothing(
    folder, undisturbed, monkeypatch
):
    output = dynamics(folder, "more", "--ensemble", "nvt", steps=3)
    assert summary(output)["steps"] == 3
    assert_same(dynamics(folder, "more", "--ensemble", "nvt"), undisturbed["nvt"])
    monkeypatch.setattr(DynamicsMotion, "step", None)
    assert_same(dynamics(folder, "more", "--ensemble", "nvt"), undisturbed["nvt"])
    with pytest.raises(SystemExit, match=r"--steps(.|\n)*6 or more, as are kept(.|\n)*got: 5"):
        dynamics(folder, "more", "--ensemble", "nvt", steps=5)


def test_velocities_of_a_file_are_kept(folder, undisturbed):
    final = str((undisturbed["nvt"] / "final.extxyz").relative_to(folder))
    output = dynamics(
        folder, "kept", "--keep-velocities", "--largest-extrapolation", "50", atoms=final, steps=1
    )
    before = float(rows(undisturbed["nvt"])[-1]["temperature_kelvin"])
    assert float(rows(output)[0]["temperature_kelvin"]) == pytest.approx(before, rel=1e-5)
    with pytest.raises(SystemExit, match=r"--keep-velocities(.|\n)*with momenta"):
        dynamics(folder, "none", "--keep-velocities")


def test_another_seed_or_structure_or_surrogate_is_noticed(folder, undisturbed):
    place = undisturbed["nvt"].name
    before = (undisturbed["nvt"] / "log.csv").read_bytes()
    message = r"a run of something else(.|\n)*expected: seed 0(.|\n)*got: seed 1(.|\n)*--anew"
    with pytest.raises(SystemExit, match=message):
        dynamics(folder, place, "--ensemble", "nvt", "--seed", "1")
    write(folder / "other.xyz", aluminium(2), format="extxyz")
    with pytest.raises(SystemExit, match=r"something else(.|\n)*structure "):
        dynamics(folder, place, "--ensemble", "nvt", atoms="other.xyz")
    (folder / "second").mkdir()
    surrogate = written(folder / "second", seeds=2)
    files = [str(surrogate), str(folder / "atoms.xyz"), "--output", str(folder / place)]
    with pytest.raises(SystemExit, match=r"something else(.|\n)*surrogate "):
        main(["dynamics", *files, *COMMON, "--steps", "6", "--ensemble", "nvt"])
    assert (undisturbed["nvt"] / "log.csv").read_bytes() == before


def test_anew_removes_an_earlier_run(folder):
    dynamics(folder, "anew", steps=2)
    output = dynamics(folder, "anew", "--seed", "1", "--anew", steps=1)
    assert len(rows(output)) == 2
    assert summary(output)["settings"]["seed"] == 1


def test_a_file_that_has_lost_its_end_is_noticed(folder):
    output = dynamics(folder, "short", steps=2)
    text = (output / "log.csv").read_text()
    (output / "log.csv").write_text(text[:-10])
    with pytest.raises(SystemExit, match=r"lost its end(.|\n)*log.csv(.|\n)*--anew"):
        dynamics(folder, "short", steps=3)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("step", "two"), ("step", -1), ("lengths", {}), ("lengths", None), ("motion", [])],
        ("lengths", {"log.csv": "all", "trajectory.extxyz": 0}),
        *[("motion", {}), ("motion.positions", [[0, 0, 0]]), ("motion.momenta", [[None] * 3] * 4)],
        *[("motion.generator", {}), ("motion.generator", 3), ("motion.positions", "here")],
    ],
)
def test_a_damaged_state_is_noticed(folder, undisturbed, tmp_path, key, value):
    shutil.copytree(undisturbed["nvt"], tmp_path / "run")
    state = json.loads((tmp_path / "run/state.json").read_text())
    place = state["motion"] if "." in key else state
    place[key.removeprefix("motion.")] = value
    (tmp_path / "run/state.json").write_text(json.dumps(state))
    with pytest.raises(SystemExit, match=r"kept state(.|\n)*is damaged(.|\n)*json(.|\n)*--anew"):
        dynamics(folder, tmp_path / "run", "--ensemble", "nvt")


def test_kept_atoms_that_are_nowhere_are_noticed(folder, undisturbed, tmp_path):
    shutil.copytree(undisturbed["nvt"], tmp_path / "run")
    state = json.loads((tmp_path / "run/state.json").read_text())
    state["motion"]["positions"][0] = [1e300, 0, 0]
    (tmp_path / "run/state.json").write_text(json.dumps(state))
    with pytest.raises(SystemExit, match=r"kept state(.|\n)*is damaged(.|\n)*--anew"):
        dynamics(folder, tmp_path / "run", "--ensemble", "nvt")


def test_a_second_process_is_refused_and_changes_nothing(folder, undisturbed, monkeypatch):
    before, step = (undisturbed["nvt"] / "log.csv").read_bytes(), DynamicsMotion.step

    def in_between(self):
        with pytest.raises(SystemExit) as refused:
            dynamics(folder, "taken", "--ensemble", "nvt", "--anew")
        messages.append(str(refused.value))
        step(self)

    messages: list[str] = []
    monkeypatch.setattr(DynamicsMotion, "step", in_between)
    output = dynamics(folder, "taken", "--ensemble", "nvt")
    assert len(messages) == 6
    assert "another process is at work in this folder" in messages[0]
    assert f"surrogate-hpo dynamics, process {os.getpid()} on " in messages[0]
    assert "--output" in messages[0]
    assert (output / "log.csv").read_bytes() == before
    assert not (output / "lock.json").exists()


def distribution(output):
    with (output / "rdf.csv").open() as handle:
        return list(csv.DictReader(handle))


def test_the_radial_distribution_is_that_of_the_second_half(undisturbed):
    output = undisturbed["nve"]
    frames = read(output / "trajectory.extxyz", index=":")
    expected = radial_distribution(frames[2:], 6.0)
    table = distribution(output)
    assert [float(row["surrogate"]) for row in table] == expected.values.tolist()
    assert {row["reference"] for row in table} == {row["surrogate_standard_error"] for row in table}
    told = summary(output)["radial_distribution"]
    assert told == {
        "structures": 2,
        "reference": None,
        "reference_structures": None,
        "largest_difference": None,
    }
    assert (output / "rdf.png").read_bytes().startswith(b"\x89PNG")


def test_a_reference_stands_beside_it(folder, undisturbed, monkeypatch):
    reference = undisturbed["nvt"] / "trajectory.extxyz"
    monkeypatch.setattr(DynamicsMotion, "step", None)  # nothing is computed anew
    options = ("--ensemble", "nve", "--rdf-largest-distance-angstrom", "5")
    place = shutil.copytree(undisturbed["nve"], folder / "beside")
    output = dynamics(folder, place.name, *options, "--reference", str(reference))
    frames = read(reference, index=":")
    table = distribution(output)
    column = np.array([float(row["reference"]) for row in table])
    np.testing.assert_array_equal(column, radial_distribution(frames[2:], 5.0).values)
    told = summary(output)["radial_distribution"]
    assert told["reference_structures"] == 2
    ours = np.array([float(row["surrogate"]) for row in table])
    assert told["largest_difference"] == pytest.approx(np.abs(column - ours).max())
    output = dynamics(folder, place.name, *options, "--reference", f"{reference}@0:3")
    assert summary(output)["radial_distribution"]["reference_structures"] == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda atoms: atoms.set_cell(1.01 * atoms.cell, scale_atoms=True), "another density"),
        (lambda atoms: atoms.symbols.__setitem__(0, "Mg"), "another material"),
        (lambda atoms: atoms.set_pbc(False), "not periodic in three dimensions"),
    ],
)
def test_a_reference_of_something_else_is_refused_before_any_work(
    folder, tmp_path, change, message
):
    atoms = aluminium(1)
    change(atoms)
    write(tmp_path / "other.extxyz", atoms)
    with pytest.raises(SystemExit, match=rf"{message}(.|\n)*other.extxyz"):
        dynamics(folder, tmp_path / "no", "--reference", str(tmp_path / "other.extxyz"))
    assert not (tmp_path / "no" / "state.json").exists()
    with pytest.raises(SystemExit, match=r"missing\.extxyz"):
        dynamics(folder, tmp_path / "no", "--reference", str(tmp_path / "missing.extxyz"))


def test_files_of_something_else_are_not_overwritten(folder):
    (folder / "mine").mkdir()
    (folder / "mine/log.csv").write_text("mine")
    with pytest.raises(SystemExit, match=r"files of something else(.|\n)*log.csv(.|\n)*--anew"):
        dynamics(folder, "mine")
    assert (folder / "mine/log.csv").read_text() == "mine"
    write(folder / "mine/final.extxyz", aluminium(1), format="extxyz")
    with pytest.raises(SystemExit, match=r"--output(.|\n)*files are not the input"):
        dynamics(folder, "mine", "--anew", atoms="mine/final.extxyz")


def test_leaving_the_training_range_stops_with_all_kept(folder):
    options = ("--temperature-kelvin", "30000", "--every", "1", "--largest-extrapolation")
    with pytest.raises(SystemExit, match=r"knows nothing(.|\n)*step \d+, kept in .*hot(.|\n)*0.3"):
        dynamics(folder, "hot", *options, "0.3", steps=50)
    output = folder / "hot"
    found = summary(output)
    assert not found["finished"]
    assert "knows nothing" in found["stopped_by"]
    excess = [float(row["largest_excess_in_standard_deviations"]) for row in rows(output)]
    assert max(excess[:-1]) <= 0.3 < excess[-1]
    assert len(read(output / "trajectory.extxyz", index=":")) == len(excess) == found["steps"] + 1
    # It stays where it is, unless more is allowed.
    with pytest.raises(SystemExit, match="knows nothing"):
        dynamics(folder, "hot", *options, "0.3", steps=50)
    assert len(rows(output)) == len(excess)
    dynamics(folder, "hot", *options, "1000", steps=found["steps"] + 1)
    assert len(rows(output)) == len(excess) + 1


def test_atoms_that_come_to_overlap_stop_it_with_all_kept(folder):
    hot = ("--temperature-kelvin", "90000", "--time-step-femtosecond", "10")
    with pytest.raises(
        SystemExit, match=r"nothing can be predicted(.|\n)*kept in .*crash(.|\n)*shorter time step"
    ):
        dynamics(folder, "crash", *hot, "--largest-extrapolation", "1e9", steps=50)
    found = summary(folder / "crash")
    assert "nothing can be predicted" in found["stopped_by"]
    assert len(rows(folder / "crash")) == found["steps"] + 1
    assert (folder / "crash/final.extxyz").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ensemble", "npt"], r"--ensemble(.|\n)*nve, nvt(.|\n)*npt"),
        (["--temperature-kelvin", "-1"], r"--temperature-kelvin(.|\n)*more than 0 K"),
        (["--temperature-kelvin", "nan"], r"--temperature-kelvin(.|\n)*more than 0 K"),
        (["--time-step-femtosecond", "0"], r"--time-step-femtosecond(.|\n)*0 to 20 fs"),
        (["--friction-per-picosecond", "1000"], r"--friction-per-picosecond(.|\n)*less than"),
        (["--seed", "-1"], r"--seed(.|\n)*0 or more"),
        (["--every", "0"], r"--every(.|\n)*1 or more"),
        (["--log-every", "0"], r"--log-every(.|\n)*1 or more"),
        (["--largest-extrapolation", "0"], r"--largest-extrapolation(.|\n)*more than 0"),
        (["--rdf-largest-distance-angstrom", "0.5"], r"--rdf-largest(.|\n)*1 to 30 Å"),
        (["--engine", "gap"], r"--engine(.|\n)*native, torch, lammps"),
        (["--grid", "9", "9"], r"--grid(.|\n)*three numbers"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_work(folder, options, message):
    with pytest.raises(SystemExit, match=message):
        dynamics(folder, "no", *options)
    assert not (folder / "no").exists()


def test_a_temperature_is_needed(folder):
    files = [str(folder / "surrogate.pt"), str(folder / "atoms.xyz")]
    with pytest.raises(SystemExit, match=r"--temperature-kelvin(.|\n)*got: nothing"):
        main(["dynamics", *files, "--output", str(folder / "no"), "--steps", "1"])


def _molecule():
    atoms = aluminium(1)
    atoms.pbc = False
    return atoms


def _other_element():
    atoms = aluminium(1)
    atoms.symbols[2] = "Be"
    return atoms


def _overlapping():
    atoms = aluminium(1)
    atoms.positions[1] = atoms.positions[0] + 0.1
    return atoms


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_molecule, "not periodic in three dimensions"),
        (_other_element, r"not trained on all elements(.|\n)*Be"),
        (_overlapping, "two atoms overlap"),
        (lambda: [aluminium(0), aluminium(1)], r"several structures|holds 2"),
    ],
)
@pytest.mark.parametrize("verb", ["dynamics", "relax"])
def test_structures_that_cannot_move_are_refused(tmp_path, folder, make, message, verb):
    write(tmp_path / "bad.xyz", make(), format="extxyz")
    files = [str(folder / "surrogate.pt"), str(tmp_path / "bad.xyz")]
    options = (*COMMON, "--steps", "1") if verb == "dynamics" else ()
    with pytest.raises(SystemExit, match=message):
        main([verb, *files, "--output", str(tmp_path / "no"), *options])


def test_a_single_atom_has_no_temperature(folder):
    write(folder / "single.xyz", bulk("Al"), format="extxyz")
    with pytest.raises(SystemExit, match=r"structure(.|\n)*two atoms or more"):
        dynamics(folder, "single", atoms="single.xyz")


def test_drift_and_fluctuation_of_a_line_with_a_wave():
    time = np.arange(1000.0)
    energy = 4 * (2e-6 * time + 0.003 * np.sin(time))
    found = statistics(time, energy, np.linspace(200, 400, 1000).tolist(), 4)
    assert found["drift_mev_per_atom_per_picosecond"] == pytest.approx(2, rel=0.02)
    assert found["fluctuation_mev_per_atom"] == pytest.approx(3 / np.sqrt(2), rel=0.01)
    assert found["mean_temperature_kelvin"] == pytest.approx(300)
    assert found["mean_temperature_of_second_half_kelvin"] == pytest.approx(350, rel=0.01)
    short = statistics([0, 1], [1, 2], [300, 300], 1)
    assert short["drift_mev_per_atom_per_picosecond"] is None
