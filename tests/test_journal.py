"""The journal of a study outlives workers that are killed, even while they hold its lock."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna

from surrogate_hpo.io.journal import journal_storage

KILLED_IN_THE_LOCK = """
import os, pathlib
import optuna
from surrogate_hpo.io.journal import journal_storage
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
