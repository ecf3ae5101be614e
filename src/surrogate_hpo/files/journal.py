"""Optuna's journal: an append-only file that survives killed workers and lost machines."""

import json
import os
import warnings
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError
from surrogate_hpo.limits import require_size


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
        If a line is damaged, a last one that is torn off being mended: also raised later, when
        another worker has damaged it.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # The lock is a symbolic link to the journal, and its age that of its target: with a
        # relative path the link leads nowhere, has no age, and a stale one blocks for ever.
        journal = path.resolve()
        lock = _MendingLock(journal, grace_seconds)
        return _CheckedStorage(journal, lock)


# What replaying an entry raises that no worker has written.
_NO_ENTRY = (
    AssertionError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip


class _CheckedStorage(JournalStorage):
    """Names the line of a journal that is damaged."""

    def __init__(self, journal: Path, lock: "_MendingLock") -> None:
        self._path = journal
        require_size(journal, limits.JOURNAL_BYTES, "journal of the search")
        if journal.exists():
            self._check_lines()
        super().__init__(JournalFileBackend(str(journal), lock_obj=lock))

    def _check_lines(self) -> None:
        """Each is small, so that what it says is, too."""
        with self._path.open("rb") as handle:
            number = 1
            while line := handle.readline(limits.JOURNAL_LINE_BYTES + 1):
                if len(line) > limits.JOURNAL_LINE_BYTES:
                    raise self._damaged(number, f"more than {limits.JOURNAL_LINE_BYTES} bytes")
                number += 1

    def _sync_with_backend(self) -> None:
        try:
            super()._sync_with_backend()
        except OptunaError:
            raise
        except _NO_ENTRY as error:
            replayed: int = self._replay_result.log_number_read
            read = isinstance(error, json.JSONDecodeError | UnicodeDecodeError)
            said = f"{type(error).__name__}: {error}"[:200]
            raise self._damaged(replayed + 1 if read else replayed, said) from error

    def _damaged(self, line: int, got: str) -> DataError:
        return DataError(
            "the journal of the search is damaged",
            where=f"{self._path}, line {line}",
            expected="an entry that a worker of the search has written",
            got=got,
            remedy="put back a copy; or delete the line and those behind it, and run again: trials "
            "that are lost are done again",
        )


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
