"""`surrogate-hpo relax`: minima, exact continuation, cells only where stress means something."""

import csv
import dataclasses
import json
import os
import shutil
import signal

import numpy as np
import pytest
from ase.io import read, write
from small_surrogate import GRID, aluminium, small_surrogate, written

from surrogate_hpo.calculator import SurrogateCalculator
from surrogate_hpo.cli import main
from surrogate_hpo.data.surrogates import write_surrogate
from surrogate_hpo.physics.prediction_grid import KnownGrid
from surrogate_hpo.simulation.relaxation import RelaxationMotion


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relax")
    written(folder, seeds=1)
    surrogate = small_surrogate(seeds=1)
    origin = surrogate.origin
    cells = (*origin.grids, KnownGrid(1.02 * origin.grids[0].cell, GRID))
    strained = dataclasses.replace(
        surrogate, origin=dataclasses.replace(surrogate.origin, grids=cells)
    )
    write_surrogate(folder / "strained.pt", strained)
    write(folder / "atoms.xyz", aluminium(1), format="extxyz")
    return folder


def relax(folder, output, *options, surrogate="surrogate.pt", atoms="atoms.xyz"):
    files = [str(folder / surrogate), str(folder / atoms)]
    fmax = () if "--fmax-ev-per-angstrom" in options else ("--fmax-ev-per-angstrom", "0.05")
    main(["relax", *files, "--output", str(folder / output), *fmax, *options])
    return folder / output


def rows(output):
    with (output / "log.csv").open() as handle:
        return list(csv.DictReader(handle))


def summary(output):
    return json.loads((output / "summary.json").read_text())


def assert_same(first, second):
    for name in ("log.csv", "trajectory.extxyz", "final.extxyz"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    assert summary(first) == summary(second)


@pytest.fixture(scope="module")
def relaxed(folder):
    return relax(folder, "relaxed")


def test_it_ends_where_forces_are_small_and_the_energy_is_lower(relaxed, folder):
    found, table = summary(relaxed), rows(relaxed)
    assert found["converged"]
    assert found["steps"] == len(table) - 1 > 2
    assert found["free_energy_after_ev"] < found["free_energy_before_ev"]
    assert found["largest_force_ev_per_angstrom"] <= 0.05
    assert found["free_energy_before_ev"] == float(table[0]["free_energy_ev"])
    frames = read(relaxed / "trajectory.extxyz", index=":")
    assert len(frames) == len(table)
    np.testing.assert_allclose(frames[0].positions, aluminium(1).positions, atol=1e-8)
    last = read(relaxed / "final.extxyz")
    np.testing.assert_allclose(last.positions, frames[-1].positions)
    # The same forces as any other prediction on that grid gives; the centre of mass has stayed.
    last.calc = SurrogateCalculator(folder / "surrogate.pt", grid=tuple(found["grid"]))
    forces = last.get_forces()
    np.testing.assert_allclose(forces, frames[-1].get_forces(), atol=1e-5)
    assert np.linalg.norm(forces - forces.mean(0), axis=1).max() <= 0.0501
    moved = last.get_center_of_mass() - aluminium(1).get_center_of_mass()
    np.testing.assert_allclose(moved, 0, atol=1e-7)


@pytest.mark.parametrize(
    ("cell", "surrogate", "steps"),
    [(False, "surrogate.pt", 4), (True, "strained.pt", 2)],  # whose cell goes far astray
    ids=["atoms", "cell"],
)
def test_a_terminated_relaxation_goes_on_with_the_same_numbers(
    folder, cell, surrogate, steps, monkeypatch
):
    options = ("--max-steps", str(steps), "--fmax-ev-per-angstrom", "1e-4", *(["--cell"] * cell))
    whole = relax(folder, f"whole-{cell}", *options, surrogate=surrogate)
    step = RelaxationMotion.step
    count = 0

    def interrupted(self):
        nonlocal count
        count += 1
        if count == steps // 2:
            os.kill(os.getpid(), signal.SIGTERM)
        step(self)

    monkeypatch.setattr(RelaxationMotion, "step", interrupted)
    with pytest.raises(SystemExit) as stop:
        relax(folder, f"cut-{cell}", *options, surrogate=surrogate)
    assert stop.value.code == 75
    assert_same(relax(folder, f"cut-{cell}", *options, surrogate=surrogate), whole)
    assert count == steps
    assert not summary(whole)["converged"]
    volume = read(whole / "final.extxyz").get_volume()
    assert (volume != pytest.approx(aluminium(1).get_volume(), rel=1e-6)) == cell
    assert summary(whole)["grid"] == list(GRID)


def test_a_finished_relaxation_computes_nothing_again(folder, relaxed, monkeypatch):
    before = (relaxed / "log.csv").read_bytes()
    monkeypatch.setattr(RelaxationMotion, "step", None)
    relax(folder, "relaxed")
    assert (relaxed / "log.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value"),
    [("cell", None), ("rho", []), ("y", [[0.0]]), ("r0", [1, 2]), ("s", 3), ("iteration", "x")],
)
def test_a_damaged_state_is_noticed(relaxed, folder, tmp_path, key, value):
    shutil.copytree(relaxed, tmp_path / "run")
    state = json.loads((tmp_path / "run/state.json").read_text())
    state["motion"][key] = value
    (tmp_path / "run/state.json").write_text(json.dumps(state))
    with pytest.raises(SystemExit, match=r"kept state(.|\n)*is damaged(.|\n)*json(.|\n)*--anew"):
        relax(folder, tmp_path / "run")


def test_a_cell_is_not_relaxed_by_a_stress_without_meaning(folder):
    message = r"its stress means nothing(.|\n)*--cell(.|\n)*same volume(.|\n)*dynamics.md"
    with pytest.raises(SystemExit, match=message):
        relax(folder, "no", "--cell")
    assert not (folder / "no" / "log.csv").exists()


def test_another_threshold_is_another_run(folder, relaxed):
    message = r"something else(.|\n)*fmax_ev_per_angstrom 0.05(.|\n)*0.04(.|\n)*--anew"
    with pytest.raises(SystemExit, match=message):
        relax(folder, relaxed.name, "--fmax-ev-per-angstrom", "0.04")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fmax-ev-per-angstrom", "0"], r"--fmax-ev-per-angstrom(.|\n)*more than 0"),
        (["--fmax-ev-per-angstrom", "nan"], r"--fmax-ev-per-angstrom(.|\n)*more than 0"),
        (["--max-steps", "0"], r"--max-steps(.|\n)*1 or more"),
        (["--threads", "0"], r"--threads(.|\n)*1 or more"),
        (["--use-gpu"], r"--use-gpu(.|\n)*--engine torch"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_any_work(folder, options, message):
    with pytest.raises(SystemExit, match=message):
        relax(folder, "no-folder", *options)
    assert not (folder / "no-folder").exists()


def test_an_output_that_cannot_be_a_folder_is_refused(folder):
    (folder / "file").write_text("mine")
    with pytest.raises(SystemExit, match=r"folder cannot be made(.|\n)*--output"):
        relax(folder, "file/below")
