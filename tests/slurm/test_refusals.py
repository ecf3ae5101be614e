"""What sbatch refuses, alone and in a group: its own reason is one command away."""

import pytest
from tiny_workflow import REPOSITORY, new_folder

from surrogate_hpo.cli import main

pytestmark = pytest.mark.slurm
TARGET = "results/snapshots/test-0000.extxyz"


@pytest.fixture
def profiles(tmp_path):
    """The profile with a partition that this Slurm has not."""
    source, folder = REPOSITORY / "profiles" / "slurm", tmp_path / "profiles" / "slurm"
    folder.mkdir(parents=True)
    for file in ("config.yaml", "partitions.yaml"):
        text = (source / file).read_text().replace("\n  cpu:\n", "\n  nope:\n")
        (folder / file).write_text(text)
    return folder.parent


@pytest.mark.parametrize("grouped", [True, False])
def test_the_reason_reaches_the_user(lab, tmp_path, profiles, start, grouped):
    folder = new_folder(tmp_path / "run")
    partitions = str(profiles / "slurm" / "partitions.yaml")
    alone = [] if grouped else ["--groups", "all=all"]
    run = start(folder, TARGET, "--retries", "0", "--slurm-partition-config", partitions, *alone)
    text = run.fails()
    said = text[text.index("Refused by sbatch in the last run of snakemake") :]
    assert ("group structures: no reason" if grouped else "snapshots: sbatch: error:") in said
    assert "surrogate-hpo profile check" in said
    with pytest.raises(SystemExit) as stop:
        main(["profile", "check", "slurm", "--profiles", str(profiles)])
    assert "partitions.yaml, partition nope\n" in str(stop.value)
    assert "invalid partition specified: nope" in str(stop.value)
