"""The journal of a study outlives workers that are killed, even while they hold its lock."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.journal import journal_storage

KILLED_IN_THE_LOCK = """
import os, pathlib
import optuna
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.journal import journal_storage
storage = journal_storage(pathlib.Path("state/journal.log"))
optuna.create_study(storage=storage, study_name="search")
storage._backend._lock.acquire()
os.kill(os.getpid(), 9)
"""


def test_the_lock_of_a_killed_worker_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED_IN_THE_LOCK], check=False)
    assert done.returncode == -signal.SIGKILL
    assert Path("state/journal.log.lock").is_symlink()
    start = time.monotonic()
    storage = journal_storage(Path("state/journal.log"), grace_seconds=3)
    study = optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
    study.tell(study.ask(), 1.0)
    assert len(study.trials) == 1
    assert time.monotonic() - start < 60
    assert not Path("state/journal.log.lock").exists()


@pytest.mark.parametrize("torn", [b'{"op_code": 5, "wor', b"{"])
def test_a_line_torn_by_a_lost_machine_is_cut_off(tmp_path, torn):
    path = tmp_path / "journal.log"
    storage = journal_storage(path)
    study = optuna.create_study(storage=storage, study_name="search")
    study.tell(study.ask(), 1.0)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    study.tell(study.ask(), 2.0)
    assert path.read_bytes().startswith(whole)
    assert all(json.loads(line) for line in path.read_bytes().splitlines())
    again = optuna.load_study(storage=journal_storage(path), study_name="search")
    assert [trial.value for trial in again.trials] == [1.0, 2.0]


def test_a_journal_that_is_nothing_but_a_torn_line_begins_anew(tmp_path):
    path = tmp_path / "journal.log"
    path.write_bytes(b'{"op_co')
    study = optuna.create_study(storage=journal_storage(path), study_name="search")
    study.tell(study.ask(), 1.0)
    assert json.loads(path.read_bytes().splitlines()[0])["op_code"] == 0


def run_together(lines):
    return [*lines[:3], lines[3][:20] + lines[4], *lines[5:]]


def blank_line(lines):
    return [*lines[:3], b"\n", *lines[3:]]


def garbage(lines):
    return [*lines[:3], b"\xff\xfe{]\n", *lines[3:]]


def no_entry(lines):
    return [*lines[:3], b'{"op_code": null}\n', *lines[3:]]


def a_number(lines):
    return [*lines[:3], b"17\n", *lines[3:]]


def nul_head(lines):
    return [b"\0" * len(lines[0]), *lines[1:]]


@pytest.mark.parametrize(
    ("damage", "line"),
    [(run_together, 4), (blank_line, 4), (garbage, 4), (no_entry, 4), (a_number, 4), (nul_head, 1)],
)
def test_a_damaged_line_is_named_with_what_its_file_is_worth(tmp_path, damage, line):
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=journal_storage(path), study_name="search")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    path.write_bytes(b"".join(damage(path.read_bytes().splitlines(keepends=True))))
    message = (
        rf"journal of the search is damaged\n  where: .*journal\.log, line {line}\n(.|\n)*again"
    )
    with pytest.raises(DataError, match=message):
        journal_storage(path)


def test_zeros_at_the_end_are_cut_off(tmp_path):
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=journal_storage(path), study_name="search")
    study.tell(study.ask(), 1.0)
    path.write_bytes(path.read_bytes() + b"\0" * 300)
    again = optuna.create_study(
        storage=journal_storage(path), study_name="search", load_if_exists=True
    )
    assert [trial.value for trial in again.trials] == [1.0]
