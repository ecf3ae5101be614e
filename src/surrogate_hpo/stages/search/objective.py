"""The value of a trial: what short trainings reach on snapshots that they have not seen."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from surrogate_hpo.data.datasets import PointData, read_points
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.history import HistoryRow
from surrogate_hpo.networks.options import OutputScaling
from surrogate_hpo.search.study import Report
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.search.energies import EnergyErrors
from surrogate_hpo.stages.search.inputs import Fold, StudyInputs
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.training.fitting import (
    ScaledData,
    Training,
    new_training,
    scale,
    scalings_of,
    subset,
)
from surrogate_hpo.training.resumable import run_resumable

CheckpointPath = Callable[[Mapping[str, Any], int], Path]


class TrialValue:
    """Objective of the study: a mean over held-out snapshots and initialisations.

    Parameters
    ----------
    inputs
        What the trainings read.
    settings
        The section of the config.
    seed
        Root seed of the config.
    checkpoint
        File for the training of some hyperparameters with a number, different for all
        folds and initialisations.
    """

    def __init__(
        self,
        inputs: StudyInputs,
        settings: SearchSettings,
        seed: int,
        checkpoint: CheckpointPath,
    ) -> None:
        document = read_document(inputs.naswot, keys=("architecture",))
        self._architecture = Architecture.from_dict(document["architecture"])
        self._settings, self._seed, self._checkpoint = settings, seed, checkpoint
        self._folds = inputs.folds(settings)
        self._energy_errors = None
        if settings.needs_energies:
            judged = [files for fold in self._folds for files in fold.judged]
            self._energy_errors = EnergyErrors(
                (settings.objective,), judged, inputs.pseudopotentials, use_gpu=settings.use_gpu
            )
        # Of one fold: several would need several times the memory.
        self._points: tuple[Fold, PointData, PointData] | None = None
        self._scaled: dict[tuple[str, str], ScaledData] = {}

    def __call__(self, hyperparameters: Mapping[str, Any], report: Report) -> float:
        """Train, and return the scaled loss or meV/atom.

        Parameters
        ----------
        hyperparameters
            Of the trial.
        report
            Told the validation loss of each epoch of the first training.

        Returns
        -------
        float
            Every held-out snapshot counts alike.
        """
        return sum(
            fold.share * self._mean(number, fold, hyperparameters, report)
            for number, fold in enumerate(self._folds)
        )

    def _mean(
        self, number: int, fold: Fold, hyperparameters: Mapping[str, Any], report: Report
    ) -> float:
        """Mean over initialisations of what the fold's snapshots tell."""
        count = self._settings.initialisations
        # The first training alone reports: a median over other steps would mix things.
        values = [
            self._train(
                fold,
                hyperparameters,
                initialisation,
                checkpoint=self._checkpoint(hyperparameters, number * count + initialisation),
                report=report if number == initialisation == 0 else None,
            )
            for initialisation in range(count)
        ]
        return sum(values) / len(values)

    def _train(
        self,
        fold: Fold,
        hyperparameters: Mapping[str, Any],
        initialisation: int,
        *,
        checkpoint: Path,
        report: Report | None,
    ) -> float:
        fit = new_training(
            self._data(fold, *scalings_of(hyperparameters)),
            self._architecture,
            hyperparameters,
            maximum_epochs=self._settings.maximum_epochs,
            seed=derive_seed(self._seed, "search", "initialisation", initialisation),
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

        used, _ = run_resumable(fit, checkpoint, clock=time.process_time, on_epoch=catch_up)
        catch_up(used)
        if self._energy_errors is None:
            return used.validation_loss
        (error,) = self._energy_errors.means(self._model(fold, fit), fold.judged)
        return error

    def _model(self, fold: Fold, fit: Training) -> TrainedModel:
        training, _ = self._points_of(fold)
        return TrainedModel(
            surrogate=fit.model,
            axis=training.axis,
            definition=training.definition,
        )

    def _data(self, fold: Fold, input_scaling: str, output_scaling: OutputScaling) -> ScaledData:
        names, points = (input_scaling, output_scaling), self._points_of(fold)
        if names not in self._scaled:
            self._scaled[names] = scale(*points, *names)
        return self._scaled[names]

    def _points_of(self, fold: Fold) -> tuple[PointData, PointData]:
        """Points to train on, and those of the snapshots that the fold holds out."""
        if self._points is None or self._points[0] is not fold:
            self._points = None
            self._scaled.clear()
            seed = derive_seed(self._seed, "search", "points")
            training = subset(read_points(*fold.training), self._settings.points, seed)
            self._points = (fold, training, read_points(*fold.held_out))
        return self._points[1:]
