"""Optuna's journal: an append-only file that survives killed workers."""

import warnings
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock


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
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # The lock is a symbolic link to the journal, and its age that of its target: with a
        # relative path the link leads nowhere, has no age, and a stale one blocks for ever.
        journal = str(path.resolve())
        lock = JournalFileSymlinkLock(journal, grace_period=grace_seconds)
        return JournalStorage(JournalFileBackend(journal, lock_obj=lock))
