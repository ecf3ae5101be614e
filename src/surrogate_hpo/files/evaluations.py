"""Finished evaluations, a file each: what a killed job need not do again."""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError

logger = logging.getLogger(__name__)
Entry = tuple[str, dict[str, Any]]


class EvaluationStore(MutableMapping[str, dict[str, Any]]):
    """Records by key in a folder; a record that was set is on the disk, and stays as it is.

    A record is written under a temporary name and then linked to its own, which fails if that
    is taken. So a process that is killed leaves no half record, and any number of processes
    may share the folder, also on a network file system, without a lock: each finds what the
    others have finished, and of two records of one key the first stays for all of them.

    Records are JSON, with ``Infinity`` and ``NaN`` as Python writes them.

    Parameters
    ----------
    folder
        Holds nothing else; it is made with the first record.

    Raises
    ------
    DataError
        There is a file that is no record, or a damaged one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Entry] = {}  # by file name
        if folder.exists() and not folder.is_dir():
            raise _no_record(folder, "a file", expected="a folder of evaluations")
        self._read_new()

    def __getitem__(self, key: str) -> dict[str, Any]:
        name = _file_name(key)
        if name not in self._entries:
            try:
                self._entries[name] = _read(self._folder / name)
            except FileNotFoundError:
                raise KeyError(key) from None
        return self._entries[name][1]

    def __setitem__(self, key: str, record: dict[str, Any]) -> None:
        text = _text(key, record)
        entry, name = _entry(text), _file_name(key)  # the record as it will be read
        if name in self._entries:
            if _text(*self._entries[name]) == _text(*entry):  # NaN equals nothing, itself included
                return
            raise DataError(
                "An evaluation is stored already, with another result.",
                where=f"{self._folder / name}: {key}",
                expected=repr(self._entries[name][1]),
                got=repr(record),
                remedy="Use one store for each objective.",
            )
        if not _write_once(self._folder / name, text):
            entry = _read(self._folder / name)
            logger.info("another process was first to finish %s: its result counts", key)
        self._entries[name] = entry

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"{self._folder} is append-only")

    def discard(self) -> None:
        """Delete the folder, when what it holds has been written elsewhere."""
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def __iter__(self) -> Iterator[str]:
        self._read_new()
        return iter(sorted(key for key, _ in self._entries.values()))

    def __len__(self) -> int:
        self._read_new()
        return len(self._entries)

    def _read_new(self) -> None:
        paths = sorted(self._folder.iterdir()) if self._folder.exists() else []
        for path in paths:
            # Hidden files are unfinished records, or a network file system's.
            if path.name not in self._entries and not path.name.startswith("."):
                self._entries[path.name] = _read(path)


def _file_name(key: str) -> str:
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _read(path: Path) -> Entry:
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise _no_record(path, "a folder") from None
    try:
        key, record = _entry(content.decode())
    except ValueError as error:
        raise _no_record(path, f"{content[:80]!r} ({error})") from error
    if path.name != _file_name(key):
        raise _no_record(path, f"that of {key}", expected=f"its file name, {_file_name(key)}")
    return key, record


def _text(key: str, record: dict[str, Any]) -> str:
    return json.dumps({"key": key, "record": record}) + "\n"


def _entry(text: str) -> Entry:
    """Key and record; ValueError if the text holds something else."""
    content = limits.parse_json(text, "a stored evaluation")
    if not isinstance(content, dict) or set(content) != {"key", "record"}:
        raise ValueError("not one key and one record")
    key, record = content["key"], content["record"]
    if not isinstance(key, str) or not isinstance(record, dict):
        raise ValueError("a key must be text, and a record a JSON object")
    return key, record


def _no_record(path: Path, got: str, *, expected: str = '{"key": …, "record": {…}}') -> DataError:
    return DataError(
        "A stored evaluation is damaged, or not one.",
        where=str(path),
        expected=expected,
        got=got,
        remedy="Delete it; an evaluation that is lost by this will be made again.",
    )


def _write_once(path: Path, text: str) -> bool:
    """Write a file, on the disk and complete as soon as it has its name; False if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Other processes, on other machines, may be writing the same record.
    partial = path.with_name(f".partial-{uuid.uuid4().hex}")
    try:
        with partial.open("xb") as handle:
            handle.write(text.encode())
            handle.flush()
            os.fsync(handle.fileno())
        path.hardlink_to(partial)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
