"""Structures of known energy beyond the run: reading them, the stage, and how they are judged."""

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write
from pydantic import ValidationError
from small_surrogate import aluminium, small_surrogate, written
from test_evaluate_stage import case, gather  # noqa: F401 (a fixture)
from tiny_workflow import REPOSITORY

from surrogate_hpo.config.load import load_config
from surrogate_hpo.errors import ConfigError, DataError, InterruptedRun
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.predict.transferred import read_transferred
from surrogate_hpo.run.case import case_of
from surrogate_hpo.run.plan import chain, rules
from surrogate_hpo.run.request import need_of
from surrogate_hpo.stages.report.figure_time_by_size import (
    DFT,
    DFT_ELSEWHERE,
    SURROGATE,
    SizeTime,
    ratio_at_largest,
    time_by_size,
)
from surrogate_hpo.stages.report.records import size_times
from surrogate_hpo.stages.transfer import stage
from surrogate_hpo.stages.transfer.settings import TransferSettings

SHIPPED = REPOSITORY / "benchmarks" / "data" / "aluminium_larger_cells.extxyz"
TINY = REPOSITORY / "config" / "tiny.yaml"


def labelled(seed: int, **info: object) -> Atoms:
    atoms = aluminium(seed)
    atoms.info |= {"total_free_energy_ev": -228.0 - 0.1 * seed, "temperature_kelvin": 298.0} | info
    return atoms


@pytest.fixture
def frames(tmp_path) -> Path:
    path = tmp_path / "frames.extxyz"
    write(path, [labelled(seed) for seed in range(10, 13)])
    return path


def run(folder: Path, *structures: str) -> dict[str, object]:
    stage.transfer(
        settings=TransferSettings(structures=list(structures)),
        seed=1,
        threads=1,
        surrogate=folder / "surrogate.pt",
        energies=folder / "energies.json",
        table=folder / "transfer.csv",
        state=folder / "state",
    )
    content = json.loads((folder / "energies.json").read_text())
    for one in content["structures"]:
        del one["prediction_cpu_seconds"]
    return content


# --- files ---


def test_a_file_stands_for_all_of_its_frames_and_an_index_for_some(frames):
    found = read_labelled([str(frames)])
    assert [one.total_free_energy for one in found] == [-229.0, -229.1, -229.2]
    assert {one.temperature for one in found} == {298.0}
    assert {one.dft_cpu_seconds for one in found} == {None}
    some = read_labelled([f"{frames}@2", f"{frames}@0:2"])
    assert [one.total_free_energy for one in some] == [-229.2, -229.0, -229.1]


def test_the_shipped_cells_can_be_read():
    found = read_labelled([str(SHIPPED)])
    assert {len(one.atoms) for one in found} >= {32, 64}


def test_a_calculators_free_energy_is_taken_where_the_comment_line_tells_none(tmp_path):
    atoms = aluminium(1)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, free_energy=-2.0)
    write(tmp_path / "one.traj", atoms)
    (found,) = read_labelled([str(tmp_path / "one.traj")])
    assert found.total_free_energy == -2.0
    atoms.info["total_free_energy_ev"] = -3.0
    write(tmp_path / "two.extxyz", atoms)
    (found,) = read_labelled([str(tmp_path / "two.extxyz")])
    assert found.total_free_energy == -3.0


def test_a_frame_without_an_energy_is_named_with_the_remedy(tmp_path):
    one, other = labelled(1), aluminium(2)
    other.calc = SinglePointCalculator(other, energy=-1.0)
    write(tmp_path / "a.extxyz", [one, other])
    with pytest.raises(DataError) as error:
        read_labelled([str(tmp_path / "a.extxyz")])
    message = str(error.value)
    assert "the total free energy of a structure is not known" in message
    assert "a.extxyz, structure 1" in message
    assert "total_free_energy_ev=-1827.67" in message
    assert "leave the frame out" in message


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"total_free_energy_ev": "low"}, "total_free_energy_ev of a structure makes no sense"),
        ({"total_free_energy_ev": math.nan}, "total_free_energy_ev of a structure makes no sense"),
        ({"total_free_energy_ev": True}, "total_free_energy_ev of a structure makes no sense"),
        ({"temperature_kelvin": -3.0}, "temperature_kelvin of a structure makes no sense"),
        ({"dft_cpu_seconds": 0}, "dft_cpu_seconds of a structure makes no sense"),
    ],
)
def test_labels_that_are_no_numbers_are_refused(tmp_path, info, message):
    write(tmp_path / "a.extxyz", labelled(1, **info))
    with pytest.raises(DataError, match=message):
        read_labelled([str(tmp_path / "a.extxyz")])


def test_a_frame_counts_once(frames):
    with pytest.raises(DataError, match="named twice"):
        read_labelled([f"{frames}@1", str(frames)])


def test_open_ranges_are_refused_by_the_config():
    for source in ("a.xyz@:", "a.xyz@-1"):
        with pytest.raises(ValidationError, match="leaves open which frames are meant"):
            TransferSettings(structures=[source])
    with pytest.raises(ValidationError, match="is empty"):
        TransferSettings(structures=["a.xyz@3:3"])
    assert TransferSettings(structures=["a.xyz@3", "a.xyz@0:2", "b.xyz"]).files == [
        *("a.xyz", "b.xyz")
    ]


# --- the stage ---


def test_energies_per_atom_and_copies_of_a_frame_are_refused(tmp_path, frames):
    written(tmp_path)
    write(tmp_path / "copy.extxyz", labelled(11))
    with pytest.raises(DataError, match=r"count twice(.|\n)*copy.extxyz.*frames.extxyz"):
        run(tmp_path, str(frames), str(tmp_path / "copy.extxyz"))
    write(tmp_path / "atom.extxyz", labelled(1, total_free_energy_ev=-228.1 / 4))
    with pytest.raises(DataError, match=r"not in eV per cell(.|\n)*atom.extxyz(.|\n)*per atom"):
        run(tmp_path, str(tmp_path / "atom.extxyz"))


def test_each_frame_is_predicted_as_the_verb_predict_does(tmp_path, frames):
    written(tmp_path)
    content = run(tmp_path, str(frames))
    assert [one["snapshot"] for one in content["structures"]] == [
        f"transfer-{number:04d}" for number in range(3)
    ]
    for seed, one in zip(range(10, 13), content["structures"], strict=True):
        (tmp_path / "scratch").mkdir(exist_ok=True)
        expected = predict_structure(
            small_surrogate(), aluminium(seed), Conditions(), tmp_path / "scratch"
        )
        for name, values in expected.energies.items():
            # The file has eight digits of each coordinate.
            assert one["energies_ev"][name] == pytest.approx(values, rel=1e-6)
        assert (one["atoms"], one["temperature_kelvin"]) == (4, 298.0)
    with (tmp_path / "transfer.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    mean = np.mean(content["structures"][1]["energies_ev"]["total_free_energy"])
    assert float(rows[1]["error_mev_per_atom"]) == pytest.approx(250 * (mean + 229.1))
    assert float(rows[1]["prediction_cpu_seconds"]) > 0
    assert not list((tmp_path / "state").iterdir()), "nothing is left to go on with"


@pytest.mark.parametrize("frame", [0, 1, 2])
def test_a_rerun_goes_on_at_the_frame_of_the_interruption(tmp_path, frames, monkeypatch, frame):
    written(tmp_path)
    whole = run(tmp_path, str(frames))
    (tmp_path / "energies.json").unlink()
    predicted: list[float] = []

    def counting(surrogate, atoms, *arguments, **options):
        if len(predicted) == frame:
            raise InterruptedRun("SIGTERM")
        predicted.append(atoms.positions.sum())
        return predict_structure(surrogate, atoms, *arguments, **options)

    monkeypatch.setattr(stage, "predict_structure", counting)
    with pytest.raises(InterruptedRun):
        run(tmp_path, str(frames))
    assert not (tmp_path / "energies.json").exists()
    monkeypatch.setattr(
        stage,
        "predict_structure",
        lambda *a, **k: predicted.append(0) or predict_structure(*a, **k),
    )
    assert run(tmp_path, str(frames)) == whole
    assert len(predicted) == 3, "what was done is not done again"


def test_another_surrogate_finds_nothing_done(tmp_path, frames, monkeypatch):
    written(tmp_path, seeds=1)
    monkeypatch.setattr(stage, "write_transferred", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, str(frames))
    monkeypatch.undo()
    written(tmp_path, seeds=2)
    content = run(tmp_path, str(frames))
    assert {len(one["energies_ev"]["band_energy"]) for one in content["structures"]} == {2}


def test_unknown_elements_are_refused_before_the_first_prediction(tmp_path):
    written(tmp_path)
    copper = bulk("Cu", cubic=True)
    copper.info["total_free_energy_ev"] = -1.0
    write(tmp_path / "a.extxyz", [labelled(1), copper])
    with pytest.raises(DataError, match="not trained on all elements"):
        run(tmp_path, str(tmp_path / "a.extxyz"))


# --- what evaluate makes of them ---


def document(energies: list[list[float]], **changes: object) -> dict[str, object]:
    """Frames of 32 atoms at 500 K: A of DFT, then of each network, eV/atom."""
    atoms = bulk("Al", cubic=True).repeat(2)
    rattled = [atoms.copy() for _ in energies]
    names = ["total_free_energy", "band_energy", "entropy_term", "hartree_energy", "ewald_energy"]
    names += ["exchange_correlation_energy", "exchange_correlation_potential_energy"]
    for number, one in enumerate(rattled):
        one.rattle(0.05, seed=number)
    return {
        "structures": [
            {
                "snapshot": f"transfer-{number:04d}",
                "source": f"a.extxyz, structure {number}",
                "species": one.get_chemical_symbols(),
                "cell_angstrom": one.cell.tolist(),
                "positions_angstrom": one.positions.tolist(),
                "temperature_kelvin": 500.0,
                "total_free_energy_ev": 32 * known,
                "energies_ev": {name: [32 * value for value in networks] for name in names}
                | {"fermi_energy": [8.0] * len(networks)},
                "prediction_cpu_seconds": 2.0,
                "dft_cpu_seconds": 200.0,
                "fraction_of_points_outside_of_training_range": 0.0,
                "warnings": [],
                "total_free_energy_error_bar_ev": 0.064,
            }
            | changes
            for number, ((known, *networks), one) in enumerate(zip(energies, rattled, strict=True))
        ],
        "provenance": {},
    }


ENERGIES = [[-57.0, -57.001, -57.003], [-57.02, -57.02, -57.026], [-57.04, -57.043, -57.041]]


@pytest.fixture
def beyond(case, tmp_path) -> dict[str, object]:  # noqa: F811
    """The summary with three frames beyond the run, then with none as it was before."""
    before = json.loads((case / "summary.json").read_text())
    write_document(tmp_path / "energies.json", document(ENERGIES))
    gather(case, transfer=[tmp_path / "energies.json"])
    with (case / "energies.csv").open() as handle:
        table = list(csv.DictReader(handle))
    found = json.loads((case / "summary.json").read_text())
    gather(case)
    again = json.loads((case / "summary.json").read_text())
    assert again == before
    return {"before": before, "with": found, "energies": table}


def test_frames_beyond_the_run_are_a_class_of_their_own(beyond):
    found = beyond["with"]
    assert (found["held_out_snapshots"], found["transfer_snapshots"]) == (6, 3)
    assert found["transfer_snapshots_with_warnings"] == 0
    small, large = found["classes"]
    assert (large["atoms"], large["temperature_kelvin"], large["snapshots"]) == (32, 500.0, 3)
    energy = large["total_free_energy"]
    errors = 1000 * np.abs([[e - known for e in networks] for known, *networks in ENERGIES])
    assert energy["mae_mev_per_atom"] == pytest.approx(errors.mean())
    assert energy["ensemble_mae_mev_per_atom"] == pytest.approx((2 + 3 + 2) / 3)
    assert energy["baseline_mev_per_atom"] == pytest.approx(40 / 3)
    assert energy["skill"] == pytest.approx(7 / 40)
    assert energy["correlation"] > 0.99
    assert energy["discretisation_error_mev_per_atom"] is None
    assert energy["baseline_of"] == "class_mean"
    assert large["band_energy"]["mae_mev_per_atom"] is None
    assert large["band_energy"]["known_snapshots"] == 0
    assert small == beyond["before"]["classes"][0]


def test_what_is_not_known_of_them_is_judged_over_the_others(beyond):
    found, before = beyond["with"], beyond["before"]
    for quantity in ("band_energy", "entropy_term", "hartree_energy", "ewald_energy"):
        assert found[quantity] == before[quantity]
    assert found["fermi_energy"] == before["fermi_energy"]
    total, own = found["total_free_energy"], before["total_free_energy"]
    assert total["known_snapshots"] == 6
    large = found["classes"][1]["total_free_energy"]
    for key in ("mae_mev_per_atom", "ensemble_mae_mev_per_atom", "baseline_mev_per_atom"):
        assert total[key] == pytest.approx((own[key] + large[key]) / 2)
    floor = "discretisation_error_mev_per_atom"
    assert total[floor] == own[floor]
    assert total["baseline_of"] == "mixed"
    assert all(value is not None for value in total.values())


def test_the_tables_hold_them_behind_the_snapshots(beyond):
    rows = [row for row in beyond["energies"] if row["snapshot"] == "transfer-0001"]
    assert [row["source"] for row in rows] == [
        *("dft", "reference_ldos", "seed-0", "seed-1", "baseline")
    ]
    assert rows[0]["total_free_energy_ev"] == str(32 * -57.02)
    assert rows[0]["band_energy_ev"] == rows[1]["total_free_energy_ev"] == ""


def test_the_control_is_judged_on_them(beyond):
    control = beyond["with"]["control"]
    if control is None:
        assert beyond["with"]["control_reason"]
        return
    assert [entry["atoms"] for entry in control["classes"]] == [4, 32]
    assert control["classes"][1]["mae_mev_per_atom"] > 0


def test_other_networks_are_refused(case, tmp_path):  # noqa: F811
    write_document(tmp_path / "energies.json", document([row[:2] for row in ENERGIES]))
    with pytest.raises(DataError, match="predicted with other networks") as error:
        gather(case, transfer=[tmp_path / "energies.json"])
    assert "expected: dft, reference_ldos, seed-0, seed-1" in str(error.value)
    gather(case)


def test_another_document_is_refused(tmp_path):
    write_document(tmp_path / "x.json", {"structures": [{"snapshot": "a"}], "provenance": {}})
    with pytest.raises(DataError, match="not what `transfer` writes"):
        read_transferred(tmp_path / "x.json")


# --- times ---


def test_times_come_from_cost_records_the_file_and_the_predictions(tmp_path):
    write_document(tmp_path / "energies.json", document(ENERGIES[:1]))
    beyond = read_transferred(tmp_path / "energies.json")
    (tmp_path / "dft").mkdir()
    write_document(tmp_path / "dft" / "test-0000.json", {"cpu_seconds": 20.0})
    costs = [tmp_path / "dft" / "test-0000.json", tmp_path / "ldos" / "test-0000.json"]
    found = size_times(beyond, {"test-0000": aluminium()}, costs)
    assert found == [
        SizeTime(4, DFT, [20.0]),
        SizeTime(32, DFT_ELSEWHERE, [200.0]),
        SizeTime(32, SURROGATE, [2.0]),
    ]
    assert size_times([], {"test-0000": aluminium()}, costs) == []


def test_the_figure_of_times_says_the_ratio_at_the_largest_common_size():
    times = [
        SizeTime(4, DFT, [5.0, 7.0]),
        SizeTime(32, DFT_ELSEWHERE, [150.0]),
        SizeTime(32, SURROGATE, [2.0]),
        SizeTime(108, SURROGATE, [7.0]),
    ]
    assert ratio_at_largest(times) == (32, 75.0)
    figure = time_by_size(times)
    assert "At 32 atoms DFT takes 75 times as long as the surrogate" in figure.title
    assert figure.table.numbers("cpu_seconds").tolist() == [6.0, 150.0, 2.0, 7.0]
    assert ratio_at_largest(times[:2]) is None


def test_the_table_of_classes_has_a_dash_for_what_is_not_known(beyond, tmp_path):
    write_document(tmp_path / "summary.json", beyond["with"])
    done = subprocess.run(
        [sys.executable, "tools/class_table.py", str(tmp_path / "summary.json")],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    title, head, small, large = done.stdout.splitlines()
    assert title == "total free energy, meV/atom:"
    assert head.split()[:2] == ["atoms", "ions"]
    assert small.split()[:2] == ["4", "-"]
    assert large.split()[:6] == ["32", "500", "3", "2.33", "13.3", "0.175"]


# --- the workflow ---


@pytest.fixture
def config_file(tmp_path, frames) -> Path:
    settings = yaml.safe_load(TINY.read_text())
    settings["transfer"] = {"structures": [str(frames)]}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_the_stage_is_part_of_a_run_that_names_structures(config_file):
    assert "transfer" not in chain(load_config([TINY]))
    config = load_config([config_file])
    names = chain(config)
    assert names.index("surrogate") < names.index("transfer") < names.index("evaluate")
    assert ("transfer", 1) in rules(config)
    case = case_of(config)  # noqa: F811
    assert [size.atoms for size in case.transfers] == [4, 4, 4]
    assert case.transfers[0].grid_points == pytest.approx(case.size.grid_points, rel=1e-3)


def test_larger_structures_ask_for_more(config_file):
    small = case_of(load_config([config_file]))
    size = replace(small.transfers[0], grid=(500, 500, 10))
    large = replace(small, transfers=[size, size])
    few, many = (need_of("transfer")(one) for one in (small, large))
    assert many.memory_bytes - few.memory_bytes > 2.5e6 * 100
    assert many.cpu_seconds > few.cpu_seconds + 5
    assert need_of("transfer")(replace(small, transfers=[])).memory_bytes <= few.memory_bytes


def test_check_names_a_frame_without_energy(config_file, frames):
    from surrogate_hpo.verbs.check.verb import check

    write_structure(frames, aluminium(1))
    with pytest.raises((ConfigError, DataError), match="total free energy of a structure"):
        check(load_config([config_file]))
