"""The end of a job as squeue prints it; on a real Slurm: tests/slurm/test_faults.py."""

import time
from pathlib import Path

import pytest

from surrogate_hpo.run.allocation import slurm_end_time


@pytest.fixture
def squeue(tmp_path, monkeypatch) -> Path:
    """A program of this name in front of any other."""
    path = tmp_path / "squeue"
    path.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return path


def test_outside_of_slurm_nobody_is_asked(squeue):
    squeue.write_text("#!/bin/sh\necho 2026-11-21T15:59:34\n")
    assert slurm_end_time({}) is None


def test_the_answer_is_local_time(squeue):
    squeue.write_text('#!/bin/sh\n[ "$2" = --jobs=7 ] && echo 2026-11-21T15:59:34\n')
    end = slurm_end_time({"SLURM_JOB_ID": "7"})
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(end)) == "2026-11-21 15:59:34"


@pytest.mark.parametrize("answer", ["echo NONE", "echo N/A", "true", "exit 1"])
def test_no_limit_or_no_answer_is_no_end(squeue, answer):
    squeue.write_text(f"#!/bin/sh\n{answer}\n")
    assert slurm_end_time({"SLURM_JOB_ID": "7"}) is None


def test_without_squeue_there_is_no_end(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm_end_time({"SLURM_JOB_ID": "7"}) is None
