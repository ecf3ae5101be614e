"""The head of a log, and what `status` makes of logs, records, processes and Slurm's queue."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tiny_workflow import REPOSITORY

from surrogate_hpo import cli
from surrogate_hpo.config.load import load_config
from surrogate_hpo.run.allocation import Started, allocated_gpus, job_header, process_ticks
from surrogate_hpo.run.cost import total_cost
from surrogate_hpo.run.job_logs import Queue, batch_error, read_job_log
from surrogate_hpo.run.plan import cost_path, log_path
from surrogate_hpo.verbs.status.verb import job_states, status

NOBODY = Queue(None)
ELSEWHERE = "12:00:00 INFO started 2026-11-21T12:00:00+0000 on node7, process 11/22, Slurm job 55\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Folder of a tiny run of long molecular dynamics, none of which has begun."""
    settings = yaml.safe_load((REPOSITORY / "config" / "tiny.yaml").read_text())
    settings["snapshots"] |= {"method": "molecular_dynamics", "equilibration_steps": 10**7}
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin(folder: Path, snapshot: str, *options: str) -> subprocess.Popen[bytes]:
    """Start a job as its rule does."""
    for path in (log_path("snapshots", snapshot), Path("results/snapshots/x")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    with (folder / log_path("snapshots", snapshot)).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "surrogate_hpo", "snapshots", "--snapshot", snapshot,
             "--structure", f"results/snapshots/{snapshot}.extxyz",
             "--cost", str(cost_path("snapshots", snapshot)), *options],
            cwd=folder, stderr=log,
        )  # fmt: skip


def wait_for_head(folder: Path, snapshot: str) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        log = read_job_log(folder / log_path("snapshots", snapshot))
        if log and log.started:
            return
        time.sleep(0.05)
    pytest.fail("the log has no head")


def of(folder: Path, stage: str, item: str, queue: Queue = NOBODY):
    config = load_config([folder / "config/config.yaml"])
    return next(j for j in job_states(folder, config, queue) if (j.stage, j.item) == (stage, item))


def write_log(folder: Path, stage: str, item: str, text: str) -> None:
    path = folder / log_path(stage, item)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# --- the head of a log ---


def test_the_head_names_versions_place_and_allocation():
    environment = {
        "SLURM_JOB_ID": "123", "SLURM_ARRAY_JOB_ID": "120", "SLURM_ARRAY_TASK_ID": "3",
        "SLURM_STEP_ID": "0", "SLURM_JOB_PARTITION": "gpu", "SLURM_CPUS_PER_TASK": "4",
        "SLURM_MEM_PER_NODE": "16000", "SLURM_GPUS_ON_NODE": "2", "SLURM_RESTART_COUNT": "1",
        "CUDA_VISIBLE_DEVICES": "0,1",
    }  # fmt: skip
    versions, place, given = job_header("train", threads=4, use_gpu=False, environment=environment)
    assert versions.startswith("train: surrogate-hpo 0.1.0")
    assert "Python 3." in versions
    assert "numpy 2." in versions
    assert "torch 2." in versions
    assert "Slurm job 123 array 120 task 3 step 0 partition gpu restarted 1 times" in place
    assert given == "4 threads, 4 cores allocated, 16000 MiB, CUDA_VISIBLE_DEVICES '0,1'"
    assert allocated_gpus(environment) == 2
    assert Started.from_line(place) == Started(
        place.split()[1], socket.gethostname(), os.getpid(), process_ticks(), "123"
    )


def test_without_slurm_the_head_says_what_the_process_may_use():
    _, place, given = job_header("acsd", threads=1, use_gpu=False, environment={})
    assert "Slurm" not in place
    cores = len(os.sched_getaffinity(0))
    assert given.startswith(f"1 thread, {cores} cores in reach, memory not limited by Slurm")
    assert given.endswith("CUDA_VISIBLE_DEVICES not set")
    assert allocated_gpus({}) == 0


def test_other_lines_name_no_process():
    assert Started.from_line("12:00:00 INFO training-0000 started well") is None


def test_ticks_belong_to_one_process():
    assert process_ticks(os.getpid()) == process_ticks()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert process_ticks(ended.pid) is None


# --- real jobs ---


def test_nothing_begun_is_all_waiting(run):
    text = status(load_config([run / "config/config.yaml"]))
    assert "0 of 52 jobs done" in text
    assert "Running" not in text
    assert "Failed" not in text


def test_a_running_job_is_shown_with_its_process_and_a_killed_one_is_not_running(run, capsys):
    job = begin(run, "training-0000")
    try:
        wait_for_head(run, "training-0000")
        found = of(run, "snapshots", "training-0000")
        assert found.state == "running"
        assert found.log.started.process == job.pid
        cli.main(["status"])
        told = capsys.readouterr().out
        assert f"process {job.pid} on {socket.gethostname()}" in told
        assert "logs/snapshots/training-0000.log" in told
    finally:
        job.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, job.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet reaped
    assert of(run, "snapshots", "training-0000").state == "failed"  # a zombie does not work
    job.wait()
    assert of(run, "snapshots", "training-0000").state == "failed"
    cli.main(["status"])
    assert "ended without a word: killed from outside" in capsys.readouterr().out


def test_a_finished_job_is_done_and_tells_its_cost(run):
    settings = yaml.safe_load((run / "config/config.yaml").read_text())
    settings["snapshots"] |= {"equilibration_steps": 200}
    (run / "config/config.yaml").write_text(yaml.safe_dump(settings))
    assert begin(run, "training-0001", "--threads", "2").wait() == 0
    found = of(run, "snapshots", "training-0001")
    assert found.state == "done"
    assert found.log.finished
    path = run / cost_path("snapshots", "training-0001")
    total = total_cost([path, path])["snapshots"]
    assert total["jobs"] == 2
    assert total["allocated_cpu_seconds"] == pytest.approx(2 * total["wall_seconds"], abs=0.01)
    assert total["allocated_gpu_seconds"] == 0
    path.unlink()
    assert of(run, "snapshots", "training-0001").state == "waiting"


def test_a_failed_job_tells_its_error_in_one_line(run, capsys):
    settings = yaml.safe_load((run / "config/config.yaml").read_text())
    settings["snapshots"]["equilibration_steps"] = 1
    (run / "config/config.yaml").write_text(yaml.safe_dump(settings))
    assert begin(run, "test-0000").wait() == 1
    found = of(run, "snapshots", "test-0000")
    assert found.state == "failed"
    assert found.log.error.startswith("ConfigError: ")
    cli.main(["status"])
    assert found.log.error in capsys.readouterr().out


# --- logs of other machines, damaged logs ---


@pytest.mark.parametrize(
    ("queue", "state"),
    [(NOBODY, "unknown"), (Queue({"55": "RUNNING"}), "running"), (Queue({}), "failed"),
     (Queue({"55": "PENDING"}), "failed")],
)  # fmt: skip
def test_slurm_knows_of_jobs_on_other_machines(run, queue, state):
    write_log(run, "dft", "training-0000", ELSEWHERE)
    assert of(run, "dft", "training-0000", queue).state == state


def test_a_number_that_another_process_has_now_is_not_running(run):
    line = f"started 2026-11-21T12:00:00+0000 on {socket.gethostname()}, process {os.getpid()}/1\n"
    write_log(run, "naswot", "all", line)
    assert of(run, "naswot", "all").state == "failed"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Traceback (most recent call last):\n  File x\nValueError: no\n", "ValueError: no"),
        ("DataError: a file is missing\n  where: x\n", "DataError: a file is missing"),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory\n",
         "torch.cuda.OutOfMemoryError: CUDA out of memory"),
        ("InterruptedRun: stopped by SIGTERM; run it again\n",
         "InterruptedRun: stopped by SIGTERM; run it again"),
        ("KeyError: 1\n\nDuring handling another\n\nOSError: disk full\n", "OSError: disk full"),
    ],
)  # fmt: skip
def test_the_last_error_of_a_log(run, text, error):
    write_log(run, "train", "0", ELSEWHERE + text)
    found = of(run, "train", "0")
    assert (found.state, found.log.error) == ("failed", error)


def test_what_slurm_says_of_a_killed_job(run):
    line = "slurmstepd: error: *** JOB 55 ON node7 CANCELLED AT 2026-11-21 DUE TO TIME LIMIT ***"
    path = run / "logs/slurm/rule_dft/training-0000/55.log"
    path.parent.mkdir(parents=True)
    path.write_text(line + "\n")
    assert batch_error("55") == line
    assert batch_error("56") is None
    assert batch_error(None) is None


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00garbage", b"12:00:00 INFO started on"])
def test_half_written_and_foreign_logs_are_no_error(run, content):
    path = run / log_path("search", "all")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (run / "logs" / "foreign.txt").write_text("not ours")
    (run / "results").mkdir()
    (run / "results" / "notes").write_text("not ours")
    assert "0 of 52 jobs done" in status(load_config([run / "config/config.yaml"]))
    assert of(run, "search", "all").state == "unknown"


def test_a_folder_in_place_of_a_log_is_no_error(run):
    (run / log_path("search", "all")).mkdir(parents=True)
    assert of(run, "search", "all").state == "waiting"


def test_a_lock_is_told(run):
    (run / ".snakemake/locks").mkdir(parents=True)
    (run / ".snakemake/locks/0.input.lock").touch()
    assert "The folder is locked" in status(load_config([run / "config/config.yaml"]))


def test_an_audit_that_was_asked_for_is_shown(run):
    write_log(run, "audit", "all", ELSEWHERE)
    assert of(run, "audit", "all").state == "unknown"
    assert "\naudit " in status(load_config([run / "config/config.yaml"]))


@pytest.mark.workflow
@pytest.mark.qe
def test_a_finished_run_has_the_logs_and_records_that_status_looks_for(finished):
    config = load_config([finished / "config.yaml"])
    jobs = job_states(finished, config, NOBODY)
    assert {job.state for job in jobs} == {"done"}
    assert all(job.log and job.log.finished and job.log.started for job in jobs)
    records = sorted((finished / "results/cost").rglob("*.json"))
    assert records == sorted(finished / cost_path(job.stage, job.item) for job in jobs)
    assert len(list((finished / "logs").rglob("*.log"))) == len(jobs)


# --- what sbatch refused ---

REFUSED = """SLURM run ID: 4486fca5
    message: Error in group structures
    jobs:
        rule snapshots:
            jobid: 0
    message: Error in group grids
    log: logs/slurm/group_grids/17.log (check log file(s) for error details)
    jobs:
        rule descriptors:
Error in rule train:
    message: SLURM sbatch failed. The error message was 'sbatch: error: invalid partition
sbatch: error: Batch job submission failed'.
    sbatch call:
"""


def test_refused_jobs_are_told_with_what_is_known_of_the_reason(run):
    logs = run / ".snakemake" / "log"
    logs.mkdir(parents=True)
    (logs / "2026-01-01.snakemake.log").write_text("SLURM run ID: 0\n")
    (logs / "2026-01-02.snakemake.log").write_text(REFUSED)
    text = status(load_config([run / "config/config.yaml"]))
    assert (
        "Refused by sbatch in the last run of snakemake (.snakemake/log/2026-01-02.snakemake.log):\n"
        "  train: sbatch: error: invalid partition; sbatch: error: Batch job submission failed\n"
        "  group structures: no reason was kept\n"
        "  `surrogate-hpo profile check slurm`"
    ) in text
    assert "group grids" not in text
    (logs / "2026-01-03.snakemake.log").write_text(REFUSED.replace("SLURM run ID", "at home"))
    assert "Refused" not in status(load_config([run / "config/config.yaml"]))


def test_what_jobs_in_the_queue_wait_for_is_counted(run, monkeypatch):
    squeue = run / "squeue"
    squeue.write_text(
        "#!/bin/sh\necho 1 RUNNING None\necho 2 PENDING Priority\n"
        "echo 3 PENDING PartitionTimeLimit\necho 4 PENDING Priority\n"
    )
    squeue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{run}{os.pathsep}{os.environ['PATH']}")
    text = status(load_config([run / "config/config.yaml"]))
    assert "3 of your Slurm jobs wait in the queue (Priority 2, PartitionTimeLimit 1)" in text
