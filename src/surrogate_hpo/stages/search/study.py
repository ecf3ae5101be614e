"""The study behind the search: what all that take part in it do alike."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.journal import journal_storage
from surrogate_hpo.interruption import deferred, stop_if_asked
from surrogate_hpo.search.claims import Sharing
from surrogate_hpo.search.space import StudyResult, TrialRow
from surrogate_hpo.search.study import run_study
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.search.inputs import StudyInputs
from surrogate_hpo.stages.search.objective import TrialValue
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.training.space import first_trials, training_space

logger = logging.getLogger(__name__)


def run_trials(
    inputs: StudyInputs,
    folder: Path,
    *,
    settings: SearchSettings,
    seed: int,
    worker: int,
) -> StudyResult:
    """Take part in the study until all of its trials have ended.

    Parameters
    ----------
    inputs
        What the trainings read.
    folder
        Of the study.
    settings
        The section of the config.
    seed
        Root seed of the config.
    worker
        Number of this worker.

    Returns
    -------
    StudyResult
        All trials, also those of the other workers.
    """

    def log(row: TrialRow) -> None:
        logger.info("trial %d/%d %s", row.number + 1, settings.trials, row)

    # A signal must not end the process while it writes to the journal that all share.
    with deferred():
        return run_study(
            TrialValue(inputs, settings, seed, _Checkpoints(folder / "checkpoints").path),
            training_space(settings),
            storage=journal_storage(folder / "journal.log"),
            trials=settings.trials,
            seed=derive_seed(seed, "search", "sampler"),
            first=first_trials(settings),
            startup_trials=settings.startup_trials,
            # The losses that a training reports do not decide an energy.
            prune=not settings.needs_energies,
            sharing=Sharing(
                settings.workers, worker, grace_seconds=settings.grace_seconds, pause=_pause
            ),
            on_trial=log,
        )


def _pause(seconds: float) -> None:
    time.sleep(seconds)
    stop_if_asked("all finished trials")


class _Checkpoints:
    """Checkpoints of one process, which finds those that others have left.

    Each process writes to a folder of its own: one that was thought dead and comes back must
    not write into the file of the one that goes on with its trial.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / uuid.uuid4().hex[:12]

    def path(self, hyperparameters: Mapping[str, Any], number: int) -> Path:
        """The file for a trial's training, the last state that anyone saved if there is one."""
        text = json.dumps(dict(hyperparameters), sort_keys=True)
        trial = hashlib.sha256(text.encode()).hexdigest()[:16]
        own = self._own / f"{trial}-{number}.pt"
        for path in self._own.glob("*.pt"):
            if not path.name.startswith(trial):
                path.unlink()  # its trial has ended
        if not own.exists():
            self._adopt(own)
        return own

    def _adopt(self, own: Path) -> None:
        try:
            others = self._folder.glob(f"*/{own.name}")
            last = max(others, key=lambda path: path.stat().st_mtime, default=None)
            if last is not None:
                with replacing(own) as partial:
                    shutil.copyfile(last, partial)
        except FileNotFoundError:
            # Its owner, which lives after all, has ended the trial and removed it.
            logger.info("no checkpoint of %s any more", own.name)
