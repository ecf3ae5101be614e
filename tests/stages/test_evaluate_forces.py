"""Forces in the evaluate stage: its documents, its table, and what its summary says of them."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_evaluate_stage import (
    FORCE_BAR,
    SNAPSHOTS,
    case,  # noqa: F401 (a fixture)
    dft_result,
    evaluate_one,
    gather,
)

from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import read_dft_result, write_dft_result
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.predict.force_accuracies import force_accuracy, stress_accuracy
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.evaluate.evaluated import read_evaluated
from surrogate_hpo.stages.evaluate.force_errors import COLUMNS
from surrogate_hpo.stages.evaluate.settings import EvaluateSettings
from surrogate_hpo.stages.report.errors import force_errors
from surrogate_hpo.stages.report.key_numbers import key_numbers


def derivatives(number: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(number)
    stress = 0.01 * generator.normal(size=(3, 3))
    return {"forces": generator.normal(size=(4, 3)), "stress": stress + stress.T}


@pytest.fixture(scope="module")
def judged(case, tmp_path_factory) -> Path:  # noqa: F811
    """The case whose DFT tells forces; of the training, one cell is larger than the other."""
    folder = tmp_path_factory.mktemp("forces") / "case"
    shutil.copytree(case, folder)
    for number, name in enumerate(SNAPSHOTS):
        made = replace(dft_result(number), **derivatives(number))
        write_dft_result(folder / f"{name}.json", made, {})
        evaluate_one(folder, name, folder / "snapshots" / f"{name}.json")
    larger = replace(dft_result(1), cell=4.2 * np.eye(3))
    write_dft_result(folder / "training-0001.json", larger, {})
    return gather(folder)


def parts(folder: Path) -> list:
    return [read_evaluated(folder / "snapshots" / f"{name}.json") for name in SNAPSHOTS]


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def test_every_network_has_forces_and_a_stress_beside_those_of_dft(judged):
    for number, part in enumerate(parts(judged)):
        found = part.forces
        assert found.species == ("Al",) * 4
        assert found.networks.shape == (2, 4, 3)
        assert found.network_stresses.shape == (2, 3, 3)
        assert not np.allclose(found.networks[0], found.networks[1])
        np.testing.assert_array_equal(found.dft, derivatives(number)["forces"])
        np.testing.assert_array_equal(found.dft_stress, derivatives(number)["stress"])


def test_energies_do_not_depend_on_whether_forces_are_judged(case, judged):  # noqa: F811
    for one, other in zip(parts(case), parts(judged), strict=True):
        assert one.forces is None
        for row, same in zip(one.energies, other.energies, strict=True):
            assert dict(row.energies) == dict(same.energies)


def test_the_table_has_a_row_per_atom_and_axis(judged):
    table = read_table(judged / "forces.csv", columns=COLUMNS)
    assert len(table) == 3 * 4 * 3
    assert [row["axis"] for row in table[:4]] == ["x", "y", "z", "x"]
    part = parts(judged)[1]
    row = table[12 + 3 * 2 + 1]
    assert (row["snapshot"], row["atom"], row["element"]) == ("test-0001", "2", "Al")
    assert float(row["dft_ev_per_angstrom"]) == part.forces.dft[2, 1]
    assert float(row["mean_ev_per_angstrom"]) == part.forces.networks[:, 2, 1].mean()
    spread = part.forces.networks[:, 2, 1].std(ddof=1)
    assert float(row["spread_ev_per_angstrom"]) == pytest.approx(spread)
    bar = FORCE_BAR.bars(part.forces.networks)[2, 1]
    assert float(row["error_bar_ev_per_angstrom"]) == pytest.approx(bar)


def test_the_summary_has_errors_of_all_and_of_each_class(judged):
    told, found = summary(judged), [part.forces for part in parts(judged)]
    assert told["forces"] == force_accuracy(found, FORCE_BAR)
    errors = np.concatenate([one.mean - one.dft for one in found])
    bars = np.concatenate([FORCE_BAR.bars(one.networks) for one in found])
    assert told["forces"]["within_error_bar"] == np.mean(np.abs(errors) <= bars)
    size = 1000 * np.sqrt(np.mean(bars**2))
    assert told["forces"]["error_bar_mev_per_angstrom"] == pytest.approx(size)
    assert told["force_error_bar"] == FORCE_BAR.as_document()
    assert force_accuracy(found)["within_error_bar"] is None
    assert told["stress"] == stress_accuracy(found)
    assert "stress_left_out" not in told
    (only,) = told["classes"]
    assert only["forces"] == told["forces"]
    assert only["stress"] == told["stress"]
    assert force_errors(told).rmse_mev_per_angstrom == told["forces"]["rmse_mev_per_angstrom"]


def test_the_stress_is_left_out_where_no_training_cell_was_strained(judged, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(judged, folder)
    write_dft_result(folder / "training-0001.json", dft_result(1), {})
    told = summary(gather(folder))
    assert told["stress"] is None
    assert told["classes"][0]["stress"] is None
    assert "all have the same volume per grid point" in told["stress_left_out"]
    assert told["forces"] == summary(judged)["forces"]


def test_without_forces_of_dft_nothing_is_computed_and_the_reason_told(case):  # noqa: F811
    told = summary(case)
    assert told["forces"] is told["stress"] is None
    reason = "the DFT runs of the held-out snapshots do not tell the forces"
    assert told["forces_left_out"] == reason
    assert (case / "forces.csv").read_text() == ",".join(COLUMNS) + "\n"
    assert force_errors(told) is None


def test_forces_can_be_left_out(judged, tmp_path):
    evaluate_one(judged, SNAPSHOTS[0], tmp_path / "x.json", forces=False)
    assert read_evaluated(tmp_path / "x.json").forces is None
    assert read_dft_result(judged / f"{SNAPSHOTS[0]}.json").forces is not None
    folder = tmp_path / "case"
    shutil.copytree(judged, folder)
    told = summary(gather(folder, settings=EvaluateSettings(forces=False)))
    assert told["forces_left_out"] == told["stress_left_out"] == "evaluate.forces is false"
    with (folder / "forces.csv").open() as handle:
        assert list(csv.DictReader(handle)) == []


def test_forces_that_do_not_fit_their_document_are_refused(judged, tmp_path):
    content = json.loads((judged / "snapshots/test-0000.json").read_text())
    content["forces"]["species"] = ["Al"]
    write_document(tmp_path / "x.json", content)
    message = "forces of DFT are not finite numbers"
    with pytest.raises(DataError, match=rf"{re.escape(str(tmp_path))}(.|\n)*{message}"):
        read_evaluated(tmp_path / "x.json")


def test_forces_cost_what_the_estimate_says():
    config = load_config([Path(__file__).parents[1] / "run" / "measured_tutorial.yaml"])
    without = config.model_copy(update={"evaluate": EvaluateSettings(forces=False)})
    found, less = (need_of("evaluate_snapshot")(case_of(one)) for one in (config, without))
    assert found.memory_bytes > less.memory_bytes
    # 1.2 seconds more are measured, for four networks and 8000 points.
    assert 1 < found.cpu_seconds - less.cpu_seconds < 8
    energies = need_of("learning_curve")
    assert energies(case_of(config)) == energies(case_of(without)), "they need no forces"


def test_the_report_tells_the_stress_or_why_it_is_not_judged(judged):
    documents = {
        "acsd": {"cutoff_radius_angstrom": 4.0, "twojmax": 4},
        "naswot": {"label": "x", "direction": "minimise"},
        "search": {"hyperparameters": {}},
        "dft": json.loads((judged / "test-0000.json").read_text()),
        "evaluate": summary(judged) | {"control": None},
    }
    cost = {
        stage: {"jobs": 1, "wall_seconds": 1, "cpu_seconds": 1}
        for stage in ("acsd", "naswot", "search", "evaluate")
    }
    told = key_numbers(documents, cost)["evaluate"]
    assert told["stress, RMSE (GPa)"] == summary(judged)["stress"]["rmse_gigapascal"]
    documents["evaluate"] |= {"stress": None, "stress_left_out": "of one volume"}
    assert key_numbers(documents, cost)["evaluate"]["stress"] == "not judged: of one volume"
    documents["evaluate"] |= {"forces": None}
    assert not any("stress" in name for name in key_numbers(documents, cost)["evaluate"])
