"""One process per folder: a lock that tells who holds it, and that a killed process leaves free.

The lock is that of the kernel (`flock`) on a file in the folder: it ends with the process, however
that ends, so that a file without a lock is known to be stale. The file says who holds it.
"""

import errno
import fcntl
import json
import logging
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from surrogate_hpo.errors import DataError
from surrogate_hpo.limits import parse_json

logger = logging.getLogger(__name__)
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# What an owner writes takes less.
_MOST_BYTES = 4096


class FolderLock:
    """Hold a folder until `release`.

    On a file system without locks a warning is logged, and nothing is held.

    Parameters
    ----------
    path
        File of the lock, removed in the end.
    purpose
        What the folder is used for, in words.

    Raises
    ------
    DataError
        If another process holds it, or the file cannot be made.
    """

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        while True:
            file = _opened(path)
            if _locked(file, path):
                break
            os.close(file)
        self._file: int | None = file
        _tell_stale(file, path)
        owner = {
            "purpose": purpose,
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.truncate(file, 0)
        os.pwrite(file, (json.dumps(owner) + "\n").encode(), 0)

    def release(self) -> None:
        """Let the folder go; again, or after it was taken away, this does nothing."""
        if self._file is None:
            return
        if _is_ours(self._file, self._path):
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise DataError(
            "the folder cannot be locked for this run",
            where=str(path),
            expected="a folder that can be written to",
            got=error.strerror,
            remedy="name another one: --output",
        ) from error


def _locked(file: int, path: Path) -> bool:
    """Lock the file; false if it was removed meanwhile, so that there is a newer one."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            held = _held(file, path)
            os.close(file)
            raise held from error
        logger.warning(
            "%s: this file system has no locks; see to it that no other run uses the folder", path
        )
        return True
    return _is_ours(file, path)


def _is_ours(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _held(file: int, path: Path) -> DataError:
    owner = _owner(file)
    return DataError(
        "another process is at work in this folder",
        where=str(path.parent),
        expected="one process per folder",
        got=owner or "one that has not told who it is",
        remedy="wait until it ends, stop it, or name another folder: --output",
    )


def _tell_stale(file: int, path: Path) -> None:
    if owner := _owner(file):
        logger.info("%s: %s has ended without letting the folder go; taken over", path, owner)


def _owner(file: int) -> str:
    """Who wrote the file, in words; empty if it does not tell."""
    try:
        found = parse_json(os.pread(file, _MOST_BYTES, 0).decode(), "lock")
        words = [str(found[key])[:80] for key in ("purpose", "process", "host", "since")]
    except (ValueError, LookupError, TypeError):
        return ""
    return "{}, process {} on {} since {}".format(*words)
