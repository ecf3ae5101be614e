"""Finished pieces of a long job, one JSON line each: what a killed job need not do again."""

import json
import os
from pathlib import Path
from typing import Any


class Ledger:
    """Append-only file of records by key.

    A line that a killed job left unfinished is dropped, and its piece is done again.

    Parameters
    ----------
    path
        The file; it and its folder are made with the first record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._records: dict[str, Any] = {}
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")[0]
            self._records = dict(json.loads(line) for line in whole.splitlines())
            # Cut the torn end off, or the next record would be glued to it.
            os.truncate(path, len(whole) + bool(whole))

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 (any JSON value)
        return self._records[key]

    def __len__(self) -> int:
        return len(self._records)

    def __setitem__(self, key: str, record: Any) -> None:  # noqa: ANN401 (any JSON value)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps([key, record]) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        self._records[key] = record
