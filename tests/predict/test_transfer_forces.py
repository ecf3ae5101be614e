"""Forces of structures beyond the run: reading them, predicting them, and how they are judged."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from small_surrogate import small_surrogate, written
from test_evaluate_stage import FORCE_BAR, case, gather  # noqa: F401 (a fixture)
from test_transfer import ENERGIES, TINY, document, labelled

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.formats.structures import labelled as labelled_frames
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.force_accuracies import force_accuracy
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.snapshot_forces import SnapshotForces
from surrogate_hpo.predict.transferred import FORCE_COLUMNS, read_transferred
from surrogate_hpo.report.errors import class_errors_table
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.evaluate.force_errors import COLUMNS
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings
from surrogate_hpo.stages.report.errors import class_errors
from surrogate_hpo.stages.report.figure_time_by_size import (
    SURROGATE,
    WITH_FORCES,
    SizeTime,
    ratio_at_largest,
    time_by_size,
)
from surrogate_hpo.stages.report.records import size_times
from surrogate_hpo.stages.transfer import stage
from surrogate_hpo.stages.transfer.settings import TransferSettings


def with_forces(seed: int, forces: np.ndarray | None = None) -> Atoms:
    atoms = labelled(seed)
    found = np.random.default_rng(seed).normal(size=(4, 3)) if forces is None else forces
    atoms.calc = SinglePointCalculator(atoms, forces=found)
    return atoms


@pytest.fixture
def frames(tmp_path) -> Path:
    """Of three frames, the second has no forces."""
    path = tmp_path / "frames.extxyz"
    write(path, [with_forces(10), labelled(11), with_forces(12)])
    return path


def run(folder: Path, frames: Path, **settings: bool) -> list[dict]:
    stage.transfer(
        settings=TransferSettings(structures=[str(frames)], **settings),
        seed=1,
        threads=1,
        surrogate=folder / "surrogate.pt",
        energies=folder / "energies.json",
        table=folder / "transfer.csv",
        state=folder / "state",
    )
    return json.loads((folder / "energies.json").read_text())["structures"]


def rows(path: Path) -> list[dict]:
    with path.open() as handle:
        return list(csv.DictReader(handle))


# --- files ---


def test_forces_are_read_where_there_are_any(frames):
    first, second, third = read_labelled([str(frames)])
    assert second.forces is None
    for found, seed in ((first, 10), (third, 12)):
        expected = np.random.default_rng(seed).normal(size=(4, 3))
        np.testing.assert_allclose(found.forces, expected, atol=1e-8)


def test_forces_of_another_shape_are_refused(tmp_path):
    lines = []
    for number in range(2):
        atoms = labelled(number)
        atoms.arrays["forces"] = np.ones((4, 3 - number))
        write(tmp_path / "one.extxyz", atoms, columns=["symbols", "positions", "forces"])
        lines.append((tmp_path / "one.extxyz").read_text())
    (tmp_path / "all.extxyz").write_text("".join(lines))
    with pytest.raises(DataError, match="forces of a structure make no sense") as error:
        read_labelled([str(tmp_path / "all.extxyz")])
    text = str(error.value)
    assert "all.extxyz, structure 1" in text
    assert "three finite numbers for each of the 4 atoms, eV/Å" in text
    assert "shape (4, 2)" in text
    assert "remove them from the frame" in text


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_undefined_forces_are_refused(tmp_path, wrong):
    forces = np.zeros((4, 3))
    forces[2, 1] = wrong
    write(tmp_path / "a.extxyz", [with_forces(1), with_forces(2, forces)])
    with pytest.raises(DataError, match=r"at 1 atoms, the first is atom 2") as error:
        read_labelled([str(tmp_path / "a.extxyz")])
    assert "a.extxyz, structure 1" in str(error.value)


def test_forces_that_are_words_are_refused(monkeypatch):
    atoms = with_forces(1)
    atoms.calc.results["forces"] = np.full((4, 3), "x")
    monkeypatch.setattr(labelled_frames, "select_frames", lambda *_, **__: [(atoms, "a.db")])
    with pytest.raises(DataError, match=r"make no sense(.|\n)*shape \(4, 3\) and type <U1"):
        read_labelled(["a.db"])


# --- the stage ---


def test_forces_are_those_of_the_verb_predict(tmp_path, frames):
    written(tmp_path)
    first, second, third = run(tmp_path, frames)
    assert second["forces"] is None
    frame = read_labelled([str(frames)])[2]
    (tmp_path / "scratch").mkdir()
    expected = predict_structure(
        small_surrogate(), frame.atoms, Conditions(), tmp_path / "scratch", forces="each"
    )
    found = read_transferred(tmp_path / "energies.json")
    assert [one.forces is not None for one in found] == [True, False, True]
    forces = found[2].forces
    np.testing.assert_array_equal(forces.networks, expected.derivatives.forces_per_network)
    np.testing.assert_array_equal(forces.dft, frame.forces)
    assert forces.dft_stress is None
    assert first["energies_ev"]["total_free_energy"] != third["energies_ev"]["total_free_energy"]


def test_the_table_has_errors_of_forces_where_they_are_known(tmp_path, frames):
    written(tmp_path)
    run(tmp_path, frames)
    table, found = rows(tmp_path / "transfer.csv"), read_transferred(tmp_path / "energies.json")
    assert [table[1][column] for column in FORCE_COLUMNS] == [""] * 5
    errors = force_accuracy([found[0].forces])
    for column, name in FORCE_COLUMNS.items():
        assert float(table[0][column]) == errors[name]


def test_forces_can_be_left_out_and_change_no_energy(tmp_path, frames):
    written(tmp_path)
    judged = run(tmp_path, frames)
    left_out = run(tmp_path, frames, forces=False)
    assert all(one["forces"] is None for one in left_out)
    for one, other in zip(judged, left_out, strict=True):
        assert one["energies_ev"] == other["energies_ev"]


def test_damaged_forces_of_the_document_are_refused(tmp_path, frames):
    written(tmp_path)
    run(tmp_path, frames)
    content = json.loads((tmp_path / "energies.json").read_text())
    content["structures"][0]["forces"]["networks_ev_per_angstrom"][0].pop()
    (tmp_path / "energies.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="not what `transfer` writes"):
        read_transferred(tmp_path / "energies.json")
    content["structures"][0]["forces"] = []
    (tmp_path / "energies.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="not what `transfer` writes"):
        read_transferred(tmp_path / "energies.json")


# --- what evaluate and report make of them ---


def forces_of_32(seed: int) -> SnapshotForces:
    generator = np.random.default_rng(seed)
    dft = generator.normal(size=(32, 3))
    return SnapshotForces(
        species=("Al",) * 32,
        dft=dft,
        networks=dft + 0.1 * generator.normal(size=(2, 32, 3)),
        dft_stress=None,
        network_stresses=np.zeros((2, 3, 3)),
    )


@pytest.fixture
def beyond(case, tmp_path) -> dict:  # noqa: F811
    """The case with three frames, two of them with forces; the run's own snapshots have none."""
    content = document(ENERGIES)
    known = [forces_of_32(0), None, forces_of_32(2)]
    for one, forces in zip(content["structures"], known, strict=True):
        one["forces"] = None if forces is None else forces.as_document()
    path = tmp_path / "energies.json"
    write_document(path, content)
    gather(case, transfer=[path])
    found = json.loads((case / "summary.json").read_text())
    table = read_table(case / "forces.csv", columns=COLUMNS)
    gather(case, transfer=[path], settings=EvaluateSettings(forces=False))
    without = json.loads((case / "summary.json").read_text())
    gather(case)
    return {"with": found, "table": table, "without": without, "known": known}


def test_they_are_judged_as_a_class_of_their_own(beyond):
    found, known = beyond["with"], [one for one in beyond["known"] if one is not None]
    small, large = found["classes"]
    assert small["forces"] is None
    assert large["forces"] == found["forces"] == force_accuracy(known, FORCE_BAR)
    assert large["snapshots"] == 3
    assert large["forces"]["snapshots"] == found["transfer_snapshots_with_forces"] == 2
    assert large["stress"] is None
    names = {row["snapshot"] for row in beyond["table"]}
    assert names == {"transfer-0000", "transfer-0002"}
    assert len(beyond["table"]) == 2 * 32 * 3


def test_evaluate_can_leave_them_out(beyond):
    assert beyond["without"]["forces"] is None
    assert beyond["without"]["forces_left_out"] == "evaluate.forces is false"


def test_the_report_tells_them_per_class(beyond):
    small, large = class_errors(beyond["with"])
    assert small.forces is None
    table = class_errors_table([small, large])
    column = table.numbers("force_rmse_mev_per_angstrom")
    assert np.isnan(column[0])
    assert column[1] == pytest.approx(large.forces.rmse_mev_per_angstrom, rel=1e-2)
    without = class_errors_table([small, replace(large, forces=None)])
    assert "force_rmse_mev_per_angstrom" not in {column.name for column in without.columns}


def test_times_with_forces_are_told_apart(tmp_path):
    content = document(ENERGIES)
    content["structures"][0]["forces"] = forces_of_32(0).as_document()
    content["structures"][0]["prediction_cpu_seconds"] = 9.0
    write_document(tmp_path / "energies.json", content)
    found = size_times(read_transferred(tmp_path / "energies.json"), {}, [])
    assert found[1:] == [SizeTime(32, SURROGATE, [2.0, 2.0]), SizeTime(32, WITH_FORCES, [9.0])]
    assert ratio_at_largest(found) == (32, 100.0), "energies against energies"
    assert ratio_at_largest([found[0], found[2]])[1] == pytest.approx(200 / 9)
    assert time_by_size(found).table.words("source")[-1] == WITH_FORCES


# --- the estimate ---


def test_forces_ask_for_more(tmp_path, frames):
    settings = yaml.safe_load(TINY.read_text())
    settings["transfer"] = {"structures": [str(frames)]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    found = case_of(load_config([tmp_path / "config.yaml"]))
    assert len(found.transfers) == 3
    assert len(found.transfers_with_forces) == 2
    need = need_of("transfer")
    size = replace(found.transfers[0], grid=(500, 500, 10))
    without, judged = (
        need(replace(found, transfers=[size], transfers_with_forces=forces))
        for forces in ((), (size,))
    )
    assert judged.cpu_seconds > 2 * without.cpu_seconds
    assert judged.memory_bytes > without.memory_bytes
