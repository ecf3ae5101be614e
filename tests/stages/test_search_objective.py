"""What a trial of the search is judged by: folds of snapshots, and errors of energies."""

import csv
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from audit_data import stores, write_snapshots
from gathered import run_search
from test_evaluate_stage import UPF, dft_result, evaluate_one, write_network, write_snapshot
from test_search_stage import search_settings
from tiny_workflow import REPOSITORY, edit_config

from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.data.dft_results import write_dft_result
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.data.models import read_model
from surrogate_hpo.errors import ConfigError, DataError, InterruptedRun
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.run.graph import HELPERS
from surrogate_hpo.search.folds import left_out
from surrogate_hpo.stages.evaluate.evaluated import read_evaluated
from surrogate_hpo.stages.rounds.networks import LdosFiles, surrogate_error
from surrogate_hpo.stages.rounds.settings import NetworkSettings
from surrogate_hpo.stages.search.energies import EnergyErrors
from surrogate_hpo.stages.search.inputs import JudgedFiles, StudyInputs
from surrogate_hpo.training import resumable

VALIDATION_STORES = ("validation_descriptors", "validation_ldos")
ENERGY = {
    "objective": "total_free_energy",
    "trials": 3,
    "maximum_epochs": 2,
    "points": 400,
    # An untrained network then predicts the mean, which has a Fermi energy.
    "output_scaling": ["standardised"],
}


@pytest.mark.parametrize(("snapshots", "folds"), [(5, 2), (5, 5), (7, 3), (2, 2)])
def test_every_snapshot_is_left_out_once(snapshots, folds):
    dealt = left_out(snapshots, folds)
    assert sorted(number for fold in dealt for number in fold) == list(range(snapshots))
    sizes = {len(fold) for fold in dealt}
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("folds", [1, 6])
def test_folds_that_leave_nothing_out_or_in(folds):
    with pytest.raises(ConfigError, match=rf"so many folds(.|\n)*2 to 5(.|\n)*got: {folds}"):
        left_out(5, folds)


def study(folder: Path) -> StudyInputs:
    files = stores(folder)
    training, validation = (
        (files[f"{prefix}descriptors"], files[f"{prefix}ldos"]) for prefix in ("", "validation_")
    )
    return StudyInputs(folder / "naswot.json", training, validation, ([], []), [])


def test_no_training_sees_a_point_of_a_snapshot_that_it_is_judged_by(tmp_path):
    inputs = study(write_snapshots(tmp_path))
    (alone,) = inputs.folds(search_settings())
    assert (alone.training, alone.held_out) == (inputs.training, inputs.validation)
    assert alone.share == 1
    folds = inputs.folds(search_settings(folds=3))
    for fold in folds:
        for kind in (0, 1):
            seen, held_out = set(fold.training[kind]), set(fold.held_out[kind])
            assert not seen & held_out
            assert seen | held_out == {*inputs.training[kind], *inputs.validation[kind]}
    assert sorted(path for fold in folds for path in fold.held_out[1]) == sorted(
        [*inputs.training[1], *inputs.validation[1]]
    )
    assert [fold.share for fold in folds] == pytest.approx([0.4, 0.4, 0.2])


def run(folder: Path, out: str, files: dict[str, object], **changes: object):
    """Rows of the table and the choice."""
    network = folder / "naswot.json"
    run_search(search_settings(**changes), folder / out, seed=3, naswot=network, **files)
    with (folder / out / "trials.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    return rows, json.loads((folder / out / "choice.json").read_text())


def with_network(folder: Path) -> Path:
    architecture = Architecture((8,), "tanh").to_dict()
    (folder / "naswot.json").write_text(json.dumps({"architecture": architecture}))
    return folder


def test_folds_go_on_after_an_interruption_with_the_same_numbers(tmp_path, monkeypatch):
    folder = with_network(write_snapshots(tmp_path))
    changes = {"folds": 3, "trials": 3, "initialisations": 1, "maximum_epochs": 2}
    expected = run(folder, "whole", stores(folder), **changes)
    assert expected[1]["folds"] == 3
    write, left = resumable.write_state, iter(range(5))

    def stop(path, state):
        write(path, state)
        if next(left, None) is None:
            raise InterruptedRun("a test", saved=str(path))

    with monkeypatch.context() as patched:
        patched.setattr(resumable, "write_state", stop)
        with pytest.raises(InterruptedRun):
            run(folder, "cut", stores(folder), **changes)
    assert run(folder, "cut", stores(folder), **changes) == expected


# --- energies ---


@pytest.fixture(scope="module")
def gas(tmp_path_factory) -> Path:
    """Four training and two validation snapshots of a modulated electron gas."""
    folder = with_network(tmp_path_factory.mktemp("gas"))
    names = [f"training-{n:04}" for n in range(4)] + [f"validation-{n:04}" for n in range(2)]
    for number, name in enumerate(names):
        write_snapshot(folder, name, number)
    return folder


def gas_files(folder: Path, *judged: str) -> dict[str, object]:
    def files(split: str, suffix: str) -> list[Path]:
        return sorted(folder.glob(f"{split}-*.{suffix}"))

    return {
        "descriptors": files("training", "snap.zarr.zip"),
        "ldos": files("training", "ldos.zarr.zip"),
        "validation_descriptors": files("validation", "snap.zarr.zip"),
        "validation_ldos": files("validation", "ldos.zarr.zip"),
        "structures": [path for split in judged for path in files(split, "extxyz")],
        "dft": [path for split in judged for path in files(split, "json")],
        "pseudopotentials": [UPF] if judged else None,
    }


def judged_files(folder: Path) -> Iterator[JudgedFiles]:
    files = gas_files(folder, "validation")
    names = ("structures", "dft", "validation_descriptors", "validation_ldos")
    return (JudgedFiles(*paths) for paths in zip(*(files[n] for n in names), strict=True))


@pytest.mark.parametrize("quantity", ["band_energy", "total_free_energy"])
def test_the_error_is_that_of_the_evaluation(gas, tmp_path, quantity):
    ldos = read_ldos(gas / "validation-0000.ldos.zarr.zip").values
    write_network(gas / "0" / "model.pt", ldos, 0)
    errors = []
    for files in judged_files(gas):
        name = files.structure.stem
        evaluate_one(gas, name, tmp_path / name)
        rows = read_evaluated(tmp_path / name).energies
        energies = {row.source: row.comparable(quantity) for row in rows}
        errors.append(1000 * abs(energies["seed-0"] - energies["dft"]))
    snapshots = list(judged_files(gas))
    found = EnergyErrors((quantity,), snapshots, [UPF], use_gpu=False)
    model = read_model(gas / "0" / "model.pt")
    assert found.means(model, snapshots) == pytest.approx([np.mean(errors)], rel=1e-12)
    assert found.means(model, snapshots[1:]) == pytest.approx([errors[1]], rel=1e-12)


def test_rounds_are_judged_by_the_energies_of_networks(gas):
    settings = NetworkSettings(width=8, training=ShortRecipeSettings(seeds=2, epochs=2))
    files = gas_files(gas, "validation")
    structures, dft = (files.pop(name) for name in ("structures", "dft"))
    found = surrogate_error(settings, LdosFiles(**files), structures, dft, seed=1)
    assert math.isfinite(found)
    assert found == surrogate_error(settings, LdosFiles(**files), structures, dft, seed=1)
    assert found != surrogate_error(settings, LdosFiles(**files), structures, dft, seed=2)
    (one, other) = (
        surrogate_error(
            settings,
            LdosFiles(**files | {name: files[name][n : n + 1] for name in VALIDATION_STORES}),
            structures[n : n + 1],
            dft[n : n + 1],
            seed=1,
        )
        for n in range(2)
    )
    # Each network is the same: what it is judged by does not steer it.
    assert found == pytest.approx((one + other) / 2, rel=1e-9)
    hot = ShortRecipeSettings(seeds=1, epochs=2, learning_rate=1e30, optimiser="adamw")
    hopeless = NetworkSettings(width=8, training=hot)
    assert surrogate_error(hopeless, LdosFiles(**files), structures, dft, seed=1) == math.inf


def test_trials_may_be_judged_by_an_energy_and_none_is_pruned_for_its_loss(gas):
    rows, choice = run(gas, "energy", gas_files(gas, "validation"), **ENERGY)
    assert list(rows[0])[:3] == ["trial", "state", "value_mev_per_atom"]
    assert {row["state"] for row in rows} == {"COMPLETE"}
    values = [float(row["value_mev_per_atom"]) for row in rows]
    assert choice["value"] == min(values) > 0
    assert choice["objective"] == "error of the total free energy on held-out snapshots"
    assert choice["objective_unit"] == "meV/atom"
    names = {Path(path).name for path in choice["provenance"]["inputs"]}
    assert {"validation-0000.json", "validation-0001.extxyz", UPF.name} <= names
    band, _ = run(
        gas, "band", gas_files(gas, "validation"), **ENERGY | {"objective": "band_energy"}
    )
    assert [row["value_mev_per_atom"] for row in band] != [str(value) for value in values]


def test_energies_of_all_folds_with_several_workers(gas):
    files, changes = gas_files(gas, "training", "validation"), {**ENERGY, "folds": 3, "trials": 2}
    one, _ = run(gas, "one", files, **changes, workers=2)
    again, _ = run(gas, "again", files, **changes, workers=2)
    assert one == again
    assert all(float(row["value_mev_per_atom"]) > 0 for row in one)


def test_files_behind_the_energies_that_are_missing_are_named(gas):
    for judged, folds, wanted in (((), 1, 2), (("validation",), 2, 6)):
        with pytest.raises(DataError, match=rf"(?s)all that energies.*{wanted} structures.*ldos_l"):
            run(gas, "missing", gas_files(gas, *judged), **ENERGY, folds=folds)


def test_an_energy_that_dft_does_not_tell(gas, tmp_path):
    write_dft_result(tmp_path / "a.json", replace(dft_result(0), total_free_energy=None), {})
    files = gas_files(gas, "validation")
    files["dft"] = [tmp_path / "a.json", *files["dft"][1:]]
    with pytest.raises(
        DataError, match=r"(?s)does not tell.*a\.json.*total_free_energy.*ldos_loss"
    ):
        run(gas, "unknown", files, **ENERGY)


def test_a_structure_of_another_snapshot_is_refused(gas, tmp_path):
    files = gas_files(gas, "validation")
    text = files["structures"][0].read_text()
    other = tmp_path / "validation-0000.extxyz"
    other.write_text(text.replace("4.05", "4.10"))
    assert other.read_text() != text
    with pytest.raises(DataError, match="different cells"):
        run(gas, "other", files | {"structures": [other, files["structures"][1]]}, **ENERGY)


# --- config and workflow ---


@pytest.mark.parametrize(
    ("validation", "changes", "message"),
    [
        (1, {"objective": "band_energy"}, "`band_energy`, an error over the validation.* is 1: "),
        (2, {"folds": 9}, "folds is 9, but there are 8 training and validation snapshots"),
        (2, {"folds": 0}, "greater than or equal to 1|greater than 0"),
        (2, {"objective": "entropy_term"}, "'ldos_loss', 'band_energy' or 'total_free_energy'"),
    ],
)
def test_settings_without_snapshots_to_judge_by(project, validation, changes, message):
    edit_config(project, "snapshots", validation=validation)
    edit_config(project, "search", **changes)
    with pytest.raises(ConfigError, match=message):
        load_config([project / "config.yaml"])


def test_folds_make_up_for_a_single_validation_snapshot(project):
    edit_config(project, "snapshots", validation=1)
    edit_config(project, "search", objective="band_energy", folds=2)
    assert load_config([project / "config.yaml"]).search.judged_splits == ("training", "validation")


@pytest.mark.parametrize("objective", ["ldos_loss", "total_free_energy"])
def test_only_an_energy_makes_the_search_read_structures_and_dft(tmp_path, objective):
    extra = tmp_path / "extra.yaml"
    extra.write_text(yaml.safe_dump({"search": {"objective": objective}}))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--rulegraph", "--configfile", "config/tiny.yaml", str(extra), "--cores", "1"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', done.stdout))
    names = {number: HELPERS.get(rule, rule) for number, rule in rules.items()}
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", done.stdout)}
    known = {("snapshots", "search"), ("dft", "search")}
    assert known & edges == (known if objective != "ldos_loss" else set())
