"""Stopping in time: signals, the end of the allocation, and the jobs that they stop."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_case import TrainingCase

from surrogate_hpo import interruption
from surrogate_hpo.cli import INTERRUPTED_STATUS
from surrogate_hpo.errors import ConfigError, InterruptedRun
from surrogate_hpo.files import programs
from surrogate_hpo.files.programs import run_program
from surrogate_hpo.interruption import (
    END_TIME_VARIABLES,
    deferred,
    handling_signals,
    stop_if_asked,
    stop_reason,
)

SECONDS_OF_SLURMS_KILL_WAIT = 30
LINE = re.compile(
    r"^InterruptedRun: stopped by .*; run it again, it goes on from .*$", re.MULTILINE
)


@pytest.fixture(autouse=True)
def _no_allocation(monkeypatch):
    for name in END_TIME_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_signal_waits_in_a_deferred_block_and_raises_elsewhere(number):
    with handling_signals():
        with deferred(), deferred():
            assert stop_reason() is None
            os.kill(os.getpid(), number)
            assert stop_reason() == signal.Signals(number).name
            with pytest.raises(InterruptedRun, match=r"stopped by SIG.*goes on from item 3"):
                stop_if_asked("item 3")
        with pytest.raises(InterruptedRun, match="goes on from the last finished file"):
            os.kill(os.getpid(), number)
    assert stop_reason() is None
    assert signal.getsignal(number) == signal.SIG_DFL


@pytest.mark.parametrize("name", END_TIME_VARIABLES)
def test_the_end_of_the_allocation_is_a_reason_a_minute_before(monkeypatch, name):
    monkeypatch.setenv(name, str(int(time.time()) + 90))
    assert stop_reason() is None
    monkeypatch.setenv(name, str(int(time.time()) + 50))
    assert re.fullmatch(r"the end of the allocation, (49|50) s away", stop_reason())
    monkeypatch.setenv(name, "1000")
    assert stop_reason() == "the end of the allocation, 0 s away"


def test_the_margin_grows_with_the_longest_item_of_the_block(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(interruption.time, "monotonic", lambda: now[0])
    monkeypatch.setenv(END_TIME_VARIABLES[0], str(time.time() + 150))
    with deferred():
        now[0] += 70.0
        assert stop_reason() is None
        now[0] += 80.0
        assert stop_reason() is not None
        now[0] += 1.0
        assert stop_reason() is not None
    with deferred():
        assert stop_reason() is None


def test_our_own_variable_wins_over_slurms(monkeypatch):
    ours, slurms = END_TIME_VARIABLES
    monkeypatch.setenv(slurms, "1000")
    monkeypatch.setenv(ours, str(time.time() + 3600))
    assert stop_reason() is None


def test_an_end_that_is_no_number_is_refused_before_anything_runs(monkeypatch):
    for text in ("tomorrow", "nan"):
        monkeypatch.setenv(END_TIME_VARIABLES[0], text)
        with (
            pytest.raises(ConfigError, match=r"(?s)SURROGATE_HPO_END_TIME.*since 1970"),
            handling_signals(),
        ):
            pytest.fail("the block must not run")


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> TrainingCase:
    case = TrainingCase(tmp_path_factory.mktemp("case"))
    case.prepare()
    case.run("whole")
    return case


def checkpoints(case: TrainingCase) -> list[Path]:
    return list(case.folder.glob("state/*.pt"))


def wait_for_epoch(job: subprocess.Popen, number: int) -> str:
    """Read what a job says until it has finished an epoch."""
    said = ""
    for line in job.stderr:
        said += line
        if f"epoch {number}/" in line:
            return said
    raise AssertionError(f"the job ended before epoch {number}:\n{said}")


@pytest.mark.parametrize(("number", "delay"), [(signal.SIGTERM, 0.0), (signal.SIGUSR1, 0.13)])
def test_a_job_that_gets_a_signal_saves_and_its_rerun_gives_the_same_bytes(case, number, delay):
    name = f"stopped-{number}"
    job = case.start(name)
    wait_for_epoch(job, 2)
    time.sleep(delay)
    job.send_signal(number)
    begin = time.monotonic()
    _, said = job.communicate()
    assert time.monotonic() - begin < SECONDS_OF_SLURMS_KILL_WAIT / 3
    assert job.returncode == INTERRUPTED_STATUS, said
    assert "Traceback" not in said
    [line] = LINE.findall(said)
    assert signal.Signals(number).name in line
    epoch, batch = map(int, re.search(r"epoch (\d+), batch (\d+)", line).groups())
    assert epoch >= 3
    assert not (case.folder / name).exists()
    [checkpoint] = checkpoints(case)
    assert str(checkpoint.relative_to(case.folder)) in line
    again = case.run(name)
    assert f"going on from epoch {epoch}, batch {batch}\n" in again
    assert "epoch 2/6" not in again
    assert case.outputs(name) == case.outputs("whole")
    assert not checkpoints(case)


def test_a_job_whose_allocation_ends_stops_again_and_again_and_loses_nothing(case):
    """Every attempt has time for one batch: even so the training gets on."""
    environment = os.environ | {"SLURM_JOB_END_TIME": str(int(time.time()) + 30)}
    places = []
    for _ in range(2):
        job = case.start("ending", env=environment)
        _, said = job.communicate()
        assert job.returncode == INTERRUPTED_STATUS, said
        [line] = LINE.findall(said)
        assert "the end of the allocation" in line
        places.append(int(re.search(r"epoch 1, batch (\d+)", line)[1]))
    assert places == [1, 2]
    case.run("ending")
    assert case.outputs("ending") == case.outputs("whole")


def test_a_signal_before_the_training_ends_the_process(case):
    """While Python imports torch nothing is handled yet, and nothing is lost."""
    job = case.start("early")
    time.sleep(0.3)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=20)
    assert job.returncode in (-signal.SIGTERM, INTERRUPTED_STATUS), said
    assert not (case.folder / "early").exists()


def program(folder: Path, text: str) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("reaction", ["exit 3", "echo deaf >&2"])
def test_a_signal_ends_the_program_and_its_children(tmp_path, monkeypatch, reaction):
    """Also those that do not listen: they are killed after a while."""
    monkeypatch.setattr(programs, "SECONDS_TO_END", 0.5)
    name = program(
        tmp_path,
        f"trap '{reaction}' TERM\nsleep 60 & echo $! $$ > numbers.new; mv numbers.new numbers\n"
        "while true; do wait; done",
    )
    stopper = subprocess.Popen(
        [
            *("sh", "-c"),
            f"while ! [ -e {tmp_path}/numbers ]; do sleep 0.05; done; kill -TERM {os.getpid()}",
        ]
    )
    with handling_signals(), pytest.raises(InterruptedRun, match="SIGTERM"):
        run_program(
            [name], [], name="it", remedy="none", directory=tmp_path, environment=os.environ
        )
    assert stopper.wait() == 0
    numbers = [int(word) for word in (tmp_path / "numbers").read_text().split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 5
    while any(map(is_running, numbers)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_signal_to_the_group_of_the_job_does_not_reach_the_program(tmp_path):
    script = (
        "import os, pathlib, signal\n"
        "from surrogate_hpo.interruption import deferred, handling_signals, stop_reason\n"
        "from surrogate_hpo.files.programs import run_program\n"
        "with handling_signals(), deferred():\n"
        "    kill = 'kill -TERM -- -{}; sleep 0.2'.format(os.getpid())\n"
        "    done = run_program(['bash', '-c'], [kill], name='bash', remedy='none',"
        f" directory=pathlib.Path({str(tmp_path)!r}), environment=os.environ)\n"
        "    raise SystemExit(f'{done.returncode} {stop_reason()}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.stderr.strip() == "0 SIGTERM"


def test_a_program_that_fails_of_the_same_signal_is_no_fault_of_its_own(tmp_path):
    with (
        handling_signals(),
        deferred(),
        pytest.raises(InterruptedRun, match="SIGTERM"),
    ):
        run_program(
            ["sh", "-c"],
            [f"kill -TERM {os.getpid()}; exit 1"],
            name="sh",
            remedy="none",
            directory=tmp_path,
            environment=os.environ,
        )
