"""The tiny case through Slurm: what Slurm accounts for each job, and where the profile is found."""

import json
import subprocess
from collections import Counter

import pytest
from cluster import command, jobs_of
from conftest import ON_GPUS, RULES
from tiny_workflow import REPOSITORY, differences, numbers, snakemake

from surrogate_hpo.cli import main

pytestmark = [pytest.mark.slurm, pytest.mark.qe]
GROUPS = ("structures", "densities", "grids", "tables")


def test_the_chain_ends_with_a_report(finished):
    summary = json.loads((finished / "results/evaluate/summary.json").read_text())
    assert summary["total_free_energy"]["mae_mev_per_atom"] > 0
    assert "<svg" in (finished / "results/report/report.html").read_text()


def test_each_job_went_to_its_partition_with_its_gpus(lab, finished):
    jobs = jobs_of(lab, finished)
    assert {job.state for job in jobs} == {"COMPLETED"}
    for job in jobs:
        wanted = ("gpu", 1) if any(f"rule_{rule}" in job.rule for rule in ON_GPUS) else ("cpu", 0)
        assert (job.partition, job.gpus) == wanted, job.rule
    rules = " ".join(job.rule for job in jobs)
    assert all(f"rule_{s}" in rules for s in ("acsd", "naswot", "search", "train", "surrogate"))
    bundles = Counter(group for job in jobs for group in GROUPS if group in job.rule)
    assert bundles == {"structures": 2, "densities": 2, "grids": 2, "tables": 1}
    # Of 10 snapshots, 7 and 3 one after the other, which take ten minutes each at the most.
    structures = [job.fields for job in jobs if "structures" in job.rule]
    assert {fields["NumCPUs"] for fields in structures} == {"1"}
    assert {fields["TimeLimit"] for fields in structures} == {"00:30:00", "01:10:00"}
    completion = lab.accounting.read_text()
    assert all(f"JobId={job.number} " in completion for job in jobs)


def test_gpu_jobs_see_their_gpu_and_cpu_jobs_none(finished, gpus_seen):
    assert set(ON_GPUS) <= set(gpus_seen)
    assert {"acsd", "dft"} <= set(gpus_seen)
    for rule, seen in gpus_seen.items():
        assert rule in RULES
        assert seen <= ({"0", "1"} if rule in ON_GPUS else {"none"}), rule


def test_the_numbers_are_those_of_a_run_without_slurm(finished, tmp_path):
    """From the search on; the stages before it are deterministic and tested elsewhere."""
    folder = tmp_path / "at-home"
    subprocess.run(["cp", "-a", str(finished), str(folder)], check=True)
    before = numbers(folder)
    done = snakemake(folder, "--forcerun", "naswot_chunk", "train")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert differences(numbers(folder), before) == {}


@pytest.mark.parametrize("way", ["--profile slurm", "--profile", "--workflow-profile"])
def test_the_profile_is_found_in_three_ways(lab, finished, tmp_path, monkeypatch, way):
    """Relative paths as a user types them, in the checkout."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    main(["profile", "install", "slurm"])
    profile = ["--profile", "slurm"] if " " in way else [way, "profiles/slurm"]
    line = command(finished, "--dry-run", "--forcerun", "report", "--verbose")
    at = line.index("--profile")
    line[at : at + 2] = profile
    for option in ("--directory", "--slurm-init-seconds-before-status-checks"):
        at = line.index(option)
        line[at : at + 2] = []
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "report" in done.stdout + done.stderr
