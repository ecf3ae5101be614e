"""A full disk is said to be one, wherever it is met, and leaves nothing half-written."""

import errno
from pathlib import Path

import pytest

from surrogate_hpo.cli import main
from surrogate_hpo.errors import DataError, EngineError
from surrogate_hpo.files import atomic, full_disk
from surrogate_hpo.files.full_disk import looking_for_space


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_stage_that_cannot_write_says_so_and_leaves_nothing(project, monkeypatch, number):
    def full(handle):
        raise OSError(number, "no room")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(SystemExit) as stop:
        main(
            ["snapshots", "--config", "config.yaml", "--snapshot", "training-0000",
             "--structure", "out/a.extxyz"]
        )  # fmt: skip
    said = str(stop.value)
    assert said.startswith("EngineError: no space is left on a disk, or a quota is used up")
    assert "MiB free" in said
    assert "run it again" in said
    assert list((project / "out").iterdir()) == []


def test_the_named_file_tells_the_folder_and_causes_are_looked_at(tmp_path):
    try:
        try:
            raise OSError(errno.ENOSPC, "full", str(tmp_path / "new" / "a.json"))
        except OSError as error:
            raise DataError("a store is damaged") from error
    except DataError as error:
        found = full_disk.full_disk(error)
    assert f"where: {tmp_path}" in str(found)
    assert full_disk.full_disk(OSError(errno.EACCES, "no")) is None
    assert full_disk.full_disk(DataError("other")) is None


def test_a_program_that_stops_short_on_a_full_disk_is_not_said_to_be_damaged(tmp_path, monkeypatch):
    def fail():
        with looking_for_space(tmp_path):
            raise DataError("Quantum ESPRESSO's XML file is damaged or cut off")

    with pytest.raises(DataError, match="cut off"):
        fail()
    device = Path("/dev/full")
    monkeypatch.setattr(
        full_disk.tempfile, "TemporaryFile", lambda **_: device.open("wb", buffering=0)
    )
    with pytest.raises(EngineError, match=r"no space is left(.|\n)*MiB free"):
        fail()


def test_other_errors_of_the_system_stay_what_they_are(project, monkeypatch):
    def denied(handle):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(atomic.os, "fsync", denied)
    with pytest.raises(OSError, match="input/output error"):
        main(
            ["snapshots", "--config", "config.yaml", "--snapshot", "training-0000",
             "--structure", "a.extxyz"]
        )  # fmt: skip
