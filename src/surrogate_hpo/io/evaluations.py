"""Evaluations of a search in an append-only file that survives being killed."""

import json
import os
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import DataError


class EvaluationStore(MutableMapping[str, dict[str, Any]]):
    """JSON records by key, one on a line; a record that was set is on the disk.

    A process killed in the middle of a line leaves a torn last line: it is dropped, and the
    next record overwrites it. One process writes at a time.

    Parameters
    ----------
    path
        The file; its folder is made with the first record.

    Raises
    ------
    DataError
        A line before the last one is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records, self._size = _read(path)
        # Also true while a line is written: a full disk leaves half of it.
        self._torn = path.exists() and path.stat().st_size > self._size

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._records[key]

    def __setitem__(self, key: str, record: dict[str, Any]) -> None:
        if key in self._records:
            if self._records[key] == record:
                return
            raise DataError(
                "An evaluation is stored already, with another result.",
                where=f"{self._path}: {key}",
                expected=repr(self._records[key]),
                got=repr(record),
                remedy="Use one store for each objective.",
            )
        line = json.dumps({"key": key, "record": record}, allow_nan=False) + "\n"
        self._append(line.encode())
        self._records[key] = json.loads(line)["record"]

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"{self._path} is append-only")

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def _append(self, line: bytes) -> None:
        new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as handle:
            if self._torn:
                handle.truncate(self._size)
            self._torn = True
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())
        self._torn = False
        self._size += len(line)
        if new:
            _sync_folder(self._path.parent)


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Return the records and the number of bytes that hold them."""
    records: dict[str, dict[str, Any]] = {}
    if not path.exists():
        return records, 0
    size = 0
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry is None:
            if number == len(lines):
                break
            raise DataError(
                "A line of the stored evaluations is damaged.",
                where=f"{path}, line {number}",
                expected='{"key": …, "record": {…}}',
                got=repr(line[:80]),
                remedy="Delete the line; its evaluation will be made again.",
            )
        # Of two records of one key the first is the one that a search went on with.
        records.setdefault(*entry)
        size += len(line)
    return records, size


def _entry(line: bytes) -> tuple[str, dict[str, Any]] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
        key, record = content["key"], content["record"]
    except (ValueError, KeyError, TypeError):
        return None
    return (key, record) if isinstance(key, str) and isinstance(record, dict) else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
