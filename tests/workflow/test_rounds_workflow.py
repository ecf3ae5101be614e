"""Rounds in a real run: killed, failed, changed, stopped; only structures, DFT and choices."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tiny_workflow import command, edit_config, new_folder, snakemake

from surrogate_hpo.cli import main
from surrogate_hpo.formats.espresso.engine import find_engine
from surrogate_hpo.run.left_out import reason_of

pytestmark = [pytest.mark.workflow, pytest.mark.qe]
SUMMARY = "results/rounds/summary.json"
MODEL = {"cutoff_radii_angstrom": [4.0], "twojmax": [2], "force_weights": [0.1], "members": 2}
POOL = [{"number": 20, "temperature_kelvin": {"minimum": 100, "maximum": 600}}]
# Everything after the rounds as small as it can be.
CHEAP = {
    "acsd": {"cutoff_radii_angstrom": [3.0], "twojmax": [2]},
    "naswot": {"layers": [1], "widths": [16], "activations": ["tanh"]},
    "search": {"trials": 2, "maximum_epochs": 2, "startup_trials": 1},
    "train": {"seeds": 2, "maximum_epochs": 3},
}
# pw.x, but of the structure that a file names it says that it cannot.
FAILING = """#!/bin/sh
case "$PWD" in *"$(cat {marker})".work)
  line="%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"
  printf '%s\\n  Error in routine c_bands (1):\\n  no\\n%s\\n' "$line" "$line"; exit 1;; esac
exec {engine} "$@"
"""


def jobs(folder: Path, *arguments: str) -> dict[str, set[str]]:
    """What Snakemake would run, by rule: the snapshots or rounds of the jobs."""
    done = snakemake(folder, "--dry-run", "--printshellcmds", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    shown = done.stdout + done.stderr
    for line in re.findall(r"surrogate-hpo (?:dft|rounds\w*|snapshots) .*", shown):
        path = re.search(r"--cost (\S+)", line)
        assert path is not None
        found.setdefault(line.split()[1], set()).add(Path(path[1]).stem)
    return found


def run(folder: Path, *arguments: str) -> None:
    done = snakemake(folder, *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.fixture(scope="module")
def finished_rounds(tmp_path_factory) -> Path:
    """Two rounds of one structure, killed in the middle of the first one and run again."""
    folder = new_folder(tmp_path_factory.mktemp("rounds") / "run")
    edit_config(folder, "snapshots", training=3, validation=1, test=1)
    edit_config(folder, "select", pool=POOL)
    edit_config(folder, "rounds", number=2, per_round=1, potential=MODEL, rule="random")
    marker, engine = folder.parent / "fails", folder.parent / "bin" / "pw.x"
    engine.parent.mkdir()
    marker.write_text("nothing")
    words = " ".join(find_engine(None).arguments)
    engine.write_text(FAILING.format(marker=marker, engine=words))
    engine.chmod(0o755)
    edit_config(folder, "dft", command=str(engine))
    with subprocess.Popen(
        command(folder, SUMMARY),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        deadline = time.monotonic() + 600
        while not (folder / "results/dft/round1-0001.work").exists():
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGKILL)
    assert not (folder / "results/dft/round1-0001.json").exists()
    shutil.rmtree(folder / ".snakemake/locks")  # as --unlock does
    run(folder, SUMMARY)
    return folder


@pytest.fixture
def folder(finished_rounds, tmp_path) -> Path:
    subprocess.run(["cp", "-a", str(finished_rounds), str(tmp_path / "run")], check=True)
    return tmp_path / "run"


@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_run_that_went_on_has_the_numbers_of_one_in_one_go(folder, number, monkeypatch):
    monkeypatch.chdir(folder)
    names = ["training-0000", "training-0001", "training-0002", "round1-0001"][: 2 + number]
    before = ["--before", "results/rounds/1/choice.json"] if number == 2 else []
    main([
        "rounds_choice", "--config", "config.yaml", "--round-number", str(number),
        "--structures", *(f"results/snapshots/{name}.extxyz" for name in names),
        "--dft", *(f"results/dft/{name}.json" for name in names),
        "--validation-structures", "results/snapshots/validation-0000.extxyz",
        "--validation-dft", "results/dft/validation-0000.json",
        "--test-structures", "results/snapshots/test-0000.extxyz",
        "--tried", *(f"results/snapshots/{name}.extxyz" for name in names[3:]), *before,
        "--choice", "again/choice.json", "--candidates", "again/candidates.csv",
        "--snapshots", f"again/round{number}-0001.extxyz",
    ])  # fmt: skip
    kept = Path(f"results/rounds/{number}")
    for name in ("choice.json", "candidates.csv"):
        assert Path("again", name).read_bytes() == (kept / name).read_bytes()
    structure = f"round{number}-0001.extxyz"
    assert (
        Path("again", structure).read_bytes() == Path("results/snapshots", structure).read_bytes()
    )


def test_a_changed_rule_reruns_from_its_round_on_and_more_rounds_rerun_none(folder):
    edit_config(folder, "rounds", rule=["random", "kmeans"])
    assert jobs(folder, SUMMARY) == {
        "rounds_choice": {"choice-2"}, "dft": {"round2-0001"}, "rounds": {"all"},
    }  # fmt: skip
    edit_config(folder, "rounds", rule="random", number=3)
    assert jobs(folder, SUMMARY) == {
        "rounds_choice": {"choice-3"}, "dft": {"round3-0001"}, "rounds": {"all"},
    }  # fmt: skip


def test_dft_that_fails_is_a_result_and_what_follows_passes_it_on(folder):
    engine = Path(yaml.safe_load((folder / "config.yaml").read_text())["dft"]["command"])
    marker, result = engine.parents[1] / "fails", "results/dft/round1-0001.json"
    marker.write_text("round1-0001")
    try:
        run(folder, SUMMARY, "results/ldos/round1-0001.zarr.zip", "--forcerun", result)
    finally:
        marker.write_text("nothing")
    reason = str(reason_of(folder / result))
    assert reason.startswith("DFT failed: Quantum ESPRESSO stopped with an error")
    assert "c_bands" in reason
    assert reason_of(folder / "results/ldos/round1-0001.zarr.zip") == reason
    summary = json.loads((folder / SUMMARY).read_text())
    assert [row["failed"] for row in summary["rounds"][:2]] == [1, 0]
    assert [row["training_snapshots"] for row in summary["rounds"]] == [3, 3, 4]
    assert "round1-0001" in summary["warnings"][0]
    log = (folder / "logs/rounds/choice-2.log").read_text()
    assert "round1-0001 is left out: DFT failed" in log


def test_an_empty_round_has_jobs_that_say_so(folder):
    choice = json.loads((folder / "results/rounds/1/choice.json").read_text())
    limit = 2 * choice["errors"]["energy_error_mev_per_atom"]
    edit_config(folder, "rounds", stop={"energy_error_mev_per_atom": limit})
    run(folder, "results/dft/round1-0001.json")
    reason = str(reason_of(folder / "results/dft/round1-0001.json"))
    assert reason.startswith("round 1 is empty, rounds.stop is met")
    assert "left out: round 1 is empty" in (folder / "logs/dft/round1-0001.log").read_text()


@pytest.mark.longest
def test_a_run_with_rounds_is_reported_packed_and_proved_elsewhere(folder):
    """One calculation has failed, and the rounds stop before the last: both go all the way."""
    for section, changes in CHEAP.items():
        edit_config(folder, section, **changes)
    stop = {"relaxed_force_ev_per_angstrom": 1e3}
    edit_config(folder, "rounds", per_round=2, relaxation={"steps": 3}, stop=stop)
    engine = Path(yaml.safe_load((folder / "config.yaml").read_text())["dft"]["command"])
    marker = engine.parents[1] / "fails"
    marker.write_text("round1-0002")
    try:
        run(folder, "archive")
    finally:
        marker.write_text("nothing")
    page = (folder / "results/report/report.html").read_text()
    for words in (
        "The run stopped early: round 2 is empty, because rounds.stop is met",
        "1 of 2 structures that the rounds chose have no DFT result",
        "DFT failed: Quantum ESPRESSO stopped with an error",
        'id="figure-rounds"',
        "where the relaxation has led",
        "rounds.relaxation.steps",
    ):
        assert words in page, words
    figures = folder / "results/report/figures"
    assert {"rounds.svg", "rounds.pdf", "rounds.csv"} <= {p.name for p in figures.iterdir()}
    assert "rounds" in (figures / "dag.csv").read_text()
    place = folder.parent / "elsewhere"
    place.mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "surrogate_hpo", "verify"),
            *(str(folder / "results/archive.tar.zst"), "--folder", str(place / "unpacked")),
            *("--rerun", "rounds"),
        ],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Snakemake +passed +nothing to be done", done.stdout)
    assert re.search(r"rerun rounds +passed", done.stdout)
    unpacked = place / "unpacked/run/results"
    assert str(reason_of(unpacked / "ldos/round1-0002.zarr.zip")).startswith("DFT failed")
    assert "round 2 is empty" in str(reason_of(unpacked / "descriptors/round2-0001.zarr.zip"))
