"""Snapshots of rounds that are left out: no job sees them, and jobs of their own pass it on."""

import importlib
import json
import logging
from pathlib import Path
from typing import Annotated

import pytest

from surrogate_hpo.cli import JOBS, main
from surrogate_hpo.run.graph import home
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.left_out import leave_out, leave_out_outputs, left_out_of, present, reason_of
from surrogate_hpo.run.signature import declared

NAMES = ("training-0000", "round1-0001", "round1-0002", "round2-0001")
FAILED, EMPTY = "round1-0002", "round2-0001"


def function_of(job: str):
    return getattr(importlib.import_module(f"surrogate_hpo.{home(job)}"), job)


def files(folder: str, suffix: str, left_out: dict[str, str]) -> list[Path]:
    """One file per snapshot, of which some say that they are left out."""
    paths = [Path("results") / folder / f"{name}{suffix}" for name in NAMES]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name.partition(".")[0] in left_out:
            leave_out(path, left_out[path.name.partition(".")[0]])
        else:
            path.write_text("4\nsomething else\n")
    return paths


@pytest.fixture
def results(tmp_path, monkeypatch) -> dict[str, list[Path]]:
    """What a run with a failed calculation and an empty round leaves, by kind of file."""
    monkeypatch.chdir(tmp_path)
    failed, empty = {FAILED: "DFT failed: no\n convergence"}, {EMPTY: "round 2 is empty"}
    both = failed | empty
    return {
        "structures": files("snapshots", ".extxyz", empty),
        "dft": files("dft", ".json", both),
        "ldos": files("ldos", ".zarr.zip", both),
        "descriptors": files("descriptors", ".zarr.zip", both),
        "costs": files("cost/dft", ".json", {}),
    }


def test_a_reason_is_read_back_in_one_line(results):
    assert reason_of(results["dft"][2]) == "DFT failed: no convergence"
    assert reason_of(results["dft"][0]) is None
    assert reason_of(Path("results/dft/round9-0001.json")) is None


def test_only_snapshots_of_rounds_can_be_left_out(tmp_path):
    # A damaged file of a user's snapshot stays a fault that its reader tells of.
    for name in ("training-0000.json", "round1.json", "my-round1-0001.json", "round1-0001x.json"):
        leave_out(tmp_path / name, "anything")
        assert reason_of(tmp_path / name) is None
    assert left_out_of([tmp_path / "training-0000.json"]) == {}


def gathering(
    *,
    structures: Annotated[list[Path], Input("structures")],
    dft: Annotated[list[Path] | None, Input("DFT")] = None,
    costs: Annotated[list[Path] | None, Input("costs")] = None,
    tried: Annotated[list[Path] | None, Input("all", also_left_out=True)] = None,
    table: Annotated[Path, Output("table")],
) -> None:
    """Do nothing."""


def test_lists_still_pair_up_and_costs_count(results):
    given = present(
        gathering,
        {name: results[name] for name in ("structures", "dft", "costs")}
        | {"tried": results["dft"], "table": Path("t.csv"), "settings": 1},
    )
    kept = {name: [path.name.partition(".")[0] for path in given.options[name]]
            for name in ("structures", "dft")}  # fmt: skip
    assert kept["structures"] == kept["dft"] == ["training-0000", "round1-0001"]
    assert given.options["costs"] == results["costs"]
    assert given.options["tried"] == results["dft"]
    assert given.options["settings"] == 1
    assert given.left_out == {FAILED: "DFT failed: no convergence", EMPTY: "round 2 is empty"}
    assert given.own_reason is None


def test_a_failed_structure_is_there_for_those_who_ask_for_no_more(results):
    given = present(gathering, {"structures": results["structures"], "dft": None, "table": None})
    assert [path.stem for path in given.options["structures"]] == [*NAMES[:3]]


@pytest.mark.parametrize("job", JOBS)
def test_every_job_that_gathers_snapshots_leaves_them_out(job, results):
    # Kinds by the names of the arguments: which files a rule gives them is seen in a real run.
    function = function_of(job)
    lists, options = [], {}
    for name, argument in declared(function).items():
        kind = next((k for k in ("descriptors", "ldos", "dft", "structures") if k in name), None)
        if isinstance(argument.role, Input) and "list" in str(argument.kind).lower() and kind:
            lists.append(name)
            options[name] = results[kind]
    # Beside the DFT, the structure of a failed calculation goes as well.
    options["ldos_beside"] = results["ldos"]
    given = present(function, options)
    labelled = any(kind in name for name in lists for kind in ("dft", "ldos", "descriptors"))
    for name in lists:
        if not declared(function)[name].role.also_left_out:
            names = [path.name.partition(".")[0] for path in given.options[name]]
            assert EMPTY not in names
            assert FAILED not in names or not labelled
            assert names[:2] == ["training-0000", "round1-0001"]


@pytest.mark.parametrize("job", ["dft", "ldos", "descriptors"])
def test_jobs_of_such_a_snapshot_write_it_into_their_outputs(job, results, project, caplog):
    function = function_of(job)
    words = [job, "--config", "config.yaml", "--cost", "cost.json"]
    for name, argument in declared(function).items():
        path = Path(f"{job}-out/{name}/{EMPTY}.x")
        if isinstance(argument.role, Output):
            words += [f"--{name.replace('_', '-')}", str(path)]
        elif isinstance(argument.role, Input) and argument.required:
            given = results.get("structures" if name == "structure" else name, [Path("x")] * 4)[3]
            words += [f"--{name.replace('_', '-')}", str(given)]
    with caplog.at_level(logging.INFO):
        main(words)
    assert "left out: round 2 is empty" in caplog.text
    written = json.loads(Path("cost.json").read_text())
    assert written["stage"] == job
    for name, argument in declared(function).items():
        if isinstance(argument.role, Output):
            path = Path(f"{job}-out/{name}/{EMPTY}.x")
            assert path.is_dir() if argument.role.folder else reason_of(path) == "round 2 is empty"


def test_outputs_that_are_not_asked_for_are_not_written(tmp_path):
    path = tmp_path / "round1-0001.csv"
    leave_out_outputs(gathering, {"table": None}, "reason")
    leave_out_outputs(gathering, {"table": path}, "reason")
    assert [file.name for file in tmp_path.iterdir()] == ["round1-0001.csv"]
