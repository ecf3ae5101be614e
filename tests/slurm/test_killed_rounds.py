"""Rounds on Slurm: killed in the middle, run again, and the numbers are those of a quiet run."""

import csv
import json
import subprocess
from pathlib import Path

import pytest
from cluster import is_on_a_node, until
from tiny_workflow import edit_config, new_folder, snakemake

pytestmark = [pytest.mark.slurm, pytest.mark.qe]
SUMMARY = "results/rounds/summary.json"
# What is there before the rounds takes no part in this.
BEGIN = ("training-0000", "training-0001", "training-0002", "validation-0000")
MODEL = {"cutoff_radii_angstrom": [4.0], "twojmax": [2], "force_weights": [0.1], "members": 2}
POOL = [{"number": 12, "temperature_kelvin": {"minimum": 100, "maximum": 600}}]


def with_rounds(folder: Path) -> Path:
    """Two rounds of one structure."""
    new_folder(folder)
    edit_config(folder, "snapshots", training=3, validation=1, test=1)
    edit_config(folder, "select", pool=POOL)
    edit_config(folder, "rounds", number=2, per_round=1, potential=MODEL)
    return folder


def rounds_of(folder: Path) -> dict[str, object]:
    """What the rounds have come to; not what it cost, nor when."""
    results = folder / "results"
    with (results / "rounds/rounds.csv").open() as handle:
        rows = [row | {"dft_cpu_seconds": ""} for row in csv.DictReader(handle)]
    names = [f"round{number}-0001" for number in (1, 2)]
    choices = [json.loads((results / f"rounds/{n}/choice.json").read_text()) for n in (1, 2)]
    return {
        "rows": rows,
        "chosen": [choice["chosen"] for choice in choices],
        "candidates": [(results / f"rounds/{n}/candidates.csv").read_text() for n in (1, 2)],
        "structures": [(results / f"snapshots/{name}.extxyz").read_text() for name in names],
        "energies": [
            json.loads((results / f"dft/{name}.json").read_text())["total_free_energy_ev"]
            for name in names
        ],
    }


def test_rounds_killed_in_each_one_have_the_numbers_of_a_quiet_run(lab, tmp_path, start):
    """In round 1 Snakemake and the DFT job are killed, in round 2 the job that chooses."""
    folder, quiet = with_rounds(tmp_path / "killed"), tmp_path / "quiet"
    begin = [f"results/dft/{name}.json" for name in BEGIN]
    done = snakemake(folder, *begin)
    assert done.returncode == 0, done.stderr[-3000:]
    subprocess.run(["cp", "-a", str(folder), str(quiet)], check=True)
    run = start(folder, SUMMARY)
    first = run.job("rule_dft_wildcards_round1-0001", "RUNNING")
    until((folder / "results/dft/round1-0001.work").exists, "pw.x gets to work")
    run.killed()
    lab.run("scancel", str(first.number))
    until(lambda: not is_on_a_node(first), "the job is over")
    assert not (folder / "results/dft/round1-0001.json").exists()
    choice = (folder / "results/rounds/1/choice.json").stat().st_mtime_ns
    assert start(folder, SUMMARY, "--unlock").succeeds()

    again = start(folder, SUMMARY)
    second = again.job("rule_rounds_choice_wildcards_2", "RUNNING")
    lab.run("scancel", str(second.number))
    text = again.succeeds()
    assert text.count("Trying to restart job") == 1
    assert {job.rule for job in again.jobs()} == {
        *(f"rule_dft_wildcards_round{number}-0001" for number in (1, 2)),
        "rule_rounds_choice_wildcards_2", "rule_rounds",
    }  # fmt: skip
    assert (folder / "results/rounds/1/choice.json").stat().st_mtime_ns == choice

    done = snakemake(quiet, SUMMARY)
    assert done.returncode == 0, done.stderr[-3000:]
    assert rounds_of(folder) == rounds_of(quiet)
