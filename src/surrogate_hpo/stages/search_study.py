"""The study behind the search: what all that take part in it do alike."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.config.search import SearchSettings
from surrogate_hpo.interruption import deferred, stop_if_asked
from surrogate_hpo.io.atomic import replacing
from surrogate_hpo.io.datasets import read_points
from surrogate_hpo.io.documents import read_document
from surrogate_hpo.io.journal import journal_storage
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.options import OutputScaling
from surrogate_hpo.networks.training import HistoryRow
from surrogate_hpo.search.claims import Sharing
from surrogate_hpo.search.space import StudyResult, TrialRow
from surrogate_hpo.search.study import Report, run_study
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.fitting import (
    OUTPUT_SCALING_KEY,
    SCALING_KEY,
    ScaledData,
    new_training,
    scale,
    subset,
)
from surrogate_hpo.stages.interface import State
from surrogate_hpo.stages.resumable import run_resumable
from surrogate_hpo.stages.training_space import training_space

logger = logging.getLogger(__name__)
StudyState = Annotated[Path, State("folder of the study's journal and checkpoints")]


@dataclass(frozen=True)
class StudyInputs:
    """Files that the study reads, the same for all that take part in it.

    Attributes
    ----------
    naswot
        Choice of the naswot stage.
    descriptors
        Descriptor stores of the training snapshots.
    ldos
        LDOS stores of the same snapshots.
    validation_descriptors
        Descriptor stores of the validation snapshots.
    validation_ldos
        LDOS stores of the same snapshots.
    """

    naswot: Path
    descriptors: list[Path]
    ldos: list[Path]
    validation_descriptors: list[Path]
    validation_ldos: list[Path]

    def paths(self) -> list[Path]:
        """All of them."""
        stores = (self.descriptors, self.ldos, self.validation_descriptors, self.validation_ldos)
        return [self.naswot, *(path for paths in stores for path in paths)]


def run_trials(
    inputs: StudyInputs,
    folder: Path,
    *,
    settings: SearchSettings,
    seed: int,
    worker: int,
    on_trial: Callable[[TrialRow], None] | None = None,
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
    on_trial
        Called after each trial that was run here.

    Returns
    -------
    StudyResult
        All trials, also those of the other workers.
    """

    def log(row: TrialRow) -> None:
        logger.info("trial %d/%d %s", row.number + 1, settings.trials, row)
        if on_trial is not None:
            on_trial(row)

    # A signal must not end the process while it writes to the journal that all share.
    with deferred():
        return run_study(
            _TrainingLoss(inputs, settings, seed, _Checkpoints(folder / "checkpoints")),
            training_space(settings),
            storage=journal_storage(folder / "journal.log"),
            trials=settings.trials,
            seed=derive_seed(seed, "search", "sampler"),
            startup_trials=settings.startup_trials,
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

    def path(self, hyperparameters: Mapping[str, Any], initialisation: int) -> Path:
        """The file for a training, the last state that anyone saved of it if there is one."""
        text = json.dumps(dict(hyperparameters), sort_keys=True)
        trial = hashlib.sha256(text.encode()).hexdigest()[:16]
        own = self._own / f"{trial}-{initialisation}.pt"
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


class _TrainingLoss:
    """Objective of the study: the mean validation loss over initialisations."""

    def __init__(
        self, inputs: StudyInputs, settings: SearchSettings, seed: int, checkpoints: _Checkpoints
    ) -> None:
        document = read_document(inputs.naswot, keys=("architecture",))
        self._architecture = Architecture.from_dict(document["architecture"])
        self._settings, self._seed, self._checkpoints = settings, seed, checkpoints
        self._training = subset(
            read_points(inputs.descriptors, inputs.ldos),
            settings.points,
            derive_seed(seed, "search", "points"),
        )
        self._validation = read_points(inputs.validation_descriptors, inputs.validation_ldos)
        self._scaled: dict[tuple[str, str], ScaledData] = {}

    def __call__(self, hyperparameters: Mapping[str, Any], report: Report) -> float:
        # The first initialisation alone reports: a median over other steps would mix things.
        losses = [
            self._train(hyperparameters, number, report if number == 0 else None)
            for number in range(self._settings.initialisations)
        ]
        return sum(losses) / len(losses)

    def _train(
        self, hyperparameters: Mapping[str, Any], number: int, report: Report | None
    ) -> float:
        fit = new_training(
            self._data(hyperparameters[SCALING_KEY], hyperparameters[OUTPUT_SCALING_KEY]),
            self._architecture,
            hyperparameters,
            maximum_epochs=self._settings.maximum_epochs,
            seed=derive_seed(self._seed, "search", "initialisation", number),
            use_gpu=self._settings.use_gpu,
            mixed_precision=self._settings.mixed_precision,
        )
        reported = 0

        def catch_up(_: HistoryRow) -> None:
            # All epochs since the last call: those before an interruption come again.
            nonlocal reported
            for row in fit.trainer.history[reported:]:
                reported = row.epoch
                if report is not None:
                    report(row.epoch, row.validation_loss)

        checkpoint = self._checkpoints.path(hyperparameters, number)
        used, _ = run_resumable(fit, checkpoint, clock=time.process_time, on_epoch=catch_up)
        catch_up(used)
        return used.validation_loss

    def _data(self, input_scaling: str, output_scaling: OutputScaling) -> ScaledData:
        names = (input_scaling, output_scaling)
        if names not in self._scaled:
            self._scaled[names] = scale(self._training, self._validation, *names)
        return self._scaled[names]
