"""Optuna's journal: an append-only file that survives killed workers."""

import warnings
from pathlib import Path

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def journal_storage(path: Path) -> JournalStorage:
    """Open or make the journal of a study.

    Parameters
    ----------
    path
        The file; its folder is made if needed.

    Returns
    -------
    optuna.storages.JournalStorage
        Storage that several processes may share, also on a network file system.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return JournalStorage(JournalFileBackend(str(path)))
