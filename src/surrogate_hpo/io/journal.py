"""Optuna's journal: an append-only file that survives killed workers and lost machines."""

import os
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from surrogate_hpo.errors import DataError


def journal_storage(path: Path, *, grace_seconds: int = 30) -> JournalStorage:
    """Open or make the journal of a study.

    Parameters
    ----------
    path
        The file; its folder is made if needed.
    grace_seconds
        After this long the lock of a worker that was killed while it wrote is taken over; a
        living one holds it for milliseconds.

    Returns
    -------
    optuna.storages.JournalStorage
        Storage that several processes may share, also on a network file system.

    Raises
    ------
    DataError
        A line is damaged; a last one that is torn off is mended.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # The lock is a symbolic link to the journal, and its age that of its target: with a
        # relative path the link leads nowhere, has no age, and a stale one blocks for ever.
        journal = path.resolve()
        lock = _MendingLock(journal, grace_seconds)
        return JournalStorage(_NamingBackend(str(journal), lock_obj=lock))


class _NamingBackend(JournalFileBackend):
    """Names the journal and its line where one is damaged; the last one is mended, see below."""

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Read entries; the argument is that of Optuna's own method."""
        number = log_number_from
        try:
            for entry in super().read_logs(log_number_from):
                if not isinstance(entry, dict) or not isinstance(entry.get("op_code"), int):
                    raise ValueError(f"{str(entry)[:80]} is no entry")
                number += 1
                yield entry
        except ValueError as error:
            # JSON and UTF-8 errors are such.
            raise DataError(
                "the journal of the search is damaged",
                where=f"{self._file_path}, line {number + 1}",
                expected="an entry of Optuna, in JSON",
                got=str(error),
                remedy="take out the damaged line, or delete the file: then all trials of this "
                "search are run again",
            ) from error


class _MendingLock(JournalFileSymlinkLock):
    """Cuts off the line that a machine which went down has left half written.

    The next line would be glued to it, and no worker could read the journal any more. Who
    holds the lock sees a line without an end only if nobody is writing it.
    """

    def __init__(self, journal: Path, grace_seconds: int) -> None:
        super().__init__(str(journal), grace_period=grace_seconds)
        self._journal = journal

    def acquire(self) -> bool:
        """Wait for the lock, then mend the journal."""
        super().acquire()
        try:
            self._cut_torn_line()
        except BaseException:
            self.release()
            raise
        return True

    def _cut_torn_line(self) -> None:
        with self._journal.open("rb+") as handle:
            if not handle.seek(0, os.SEEK_END):
                return
            handle.seek(-1, os.SEEK_END)
            if handle.read(1) != b"\n":
                handle.seek(0)
                handle.truncate(len(b"".join(handle.read().rpartition(b"\n")[:2])))
