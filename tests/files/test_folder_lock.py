"""A lock of a folder: one holder, who tells who he is; a killed process leaves it free."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.folder_lock import FolderLock

HOLD = """
import sys, time
from pathlib import Path
from surrogate_hpo.files.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]), "a test")
print("held", flush=True)
time.sleep(600)
"""


@contextmanager
def holder(path):
    """Another process that holds the lock, killed in the end."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_it(tmp_path):
    with holder(tmp_path / "lock.json") as process:
        with pytest.raises(DataError, match="another process is at work") as error:
            FolderLock(tmp_path / "lock.json", "another")
        text = str(error.value)
        assert f"where: {tmp_path}" in text
        assert f"a test, process {process.pid} on {os.uname().nodename} since 20" in text
        assert "--output" in text


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_leaves_it_free(tmp_path, end, caplog):
    caplog.set_level("INFO")
    with holder(tmp_path / "lock.json") as process:
        process.send_signal(end)
        process.wait()
    assert (tmp_path / "lock.json").exists(), "nobody tidied up"
    lock = FolderLock(tmp_path / "lock.json", "another")
    assert f"process {process.pid}" in caplog.text
    assert json.loads((tmp_path / "lock.json").read_text())["process"] == os.getpid()
    lock.release()
    assert not (tmp_path / "lock.json").exists()


def test_it_can_be_had_again_after_its_release(tmp_path):
    for _ in range(3):
        lock = FolderLock(tmp_path / "lock.json", "one")
        with pytest.raises(DataError, match="another process"):
            FolderLock(tmp_path / "lock.json", "other")
        lock.release()
        lock.release()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b"[" * 9999, b"1" * 9999]
)
def test_whatever_a_stale_file_holds_it_is_taken_over(tmp_path, content):
    (tmp_path / "lock.json").write_bytes(content)
    lock = FolderLock(tmp_path / "lock.json", "one")
    assert json.loads((tmp_path / "lock.json").read_text())["purpose"] == "one"
    # A holder that has not written yet, or something else.
    (tmp_path / "lock.json").write_bytes(content)
    with pytest.raises(DataError, match="has not told who it is"):
        FolderLock(tmp_path / "lock.json", "two")
    lock.release()


def test_a_lock_that_was_taken_away_is_not_taken_from_the_next(tmp_path):
    first = FolderLock(tmp_path / "lock.json", "one")
    (tmp_path / "lock.json").unlink()
    second = FolderLock(tmp_path / "lock.json", "two")
    first.release()
    assert (tmp_path / "lock.json").exists()
    second.release()


def test_of_many_at_a_time_one_has_it(tmp_path):
    inside, most, refused = 0, 0, 0
    guard = threading.Lock()

    def work():
        nonlocal inside, most, refused
        for _ in range(200):
            try:
                lock = FolderLock(tmp_path / "lock.json", "one")
            except DataError:
                refused += 1
                continue
            with guard:
                inside += 1
                most = max(most, inside)
            with guard:
                inside -= 1
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not (tmp_path / "lock.json").exists()


def test_without_locks_of_the_file_system_there_is_a_warning(tmp_path, monkeypatch, caplog):
    def unsupported(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    lock = FolderLock(tmp_path / "lock.json", "one")
    assert "this file system has no locks" in caplog.text
    lock.release()


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path):
    (tmp_path / "lock.json").mkdir()
    with pytest.raises(DataError, match=r"cannot be locked(.|\n)*directory(.|\n)*--output"):
        FolderLock(tmp_path / "lock.json", "one")
