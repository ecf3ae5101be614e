"""The trainings of one configuration from one seed: one of each length, and what they reach."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.data.models import TrainedModel
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.predict.held_out import inference_microseconds
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import Value
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.search.energies import EnergyErrors
from surrogate_hpo.stages.search.inputs import JudgedFiles
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.space import architecture_of
from surrogate_hpo.training.fitting import subset
from surrogate_hpo.training.short_trainings import ShortTraining, ShortTrainings

ENERGIES = ("band_energy", "total_free_energy")


@dataclass(frozen=True)
class Trained:
    """What one seed of a configuration has reached.

    Attributes
    ----------
    losses
        Validation loss of the scaled LDOS after a training of each length; +inf if it diverged.
    seconds
        What each training took: CPU time, or wall time on a GPU.
    status
        ``ok``, or the first training that diverged and where.
    energies
        Mean absolute errors of the `ENERGIES` of the validation snapshots after a training of each
        length, meV/atom; NaN where there are none.
    energy_status
        ``ok``, ``not asked for``, or why there are none after the whole training.
    inference_microseconds
        Wall time of a prediction per grid point; NaN if the whole training diverged.
    """

    losses: tuple[float, ...]
    seconds: tuple[float, ...]
    status: str
    energies: tuple[tuple[float, ...], ...]
    energy_status: str
    inference_microseconds: float


class Trainings:
    """Trains configurations, all on the same points.

    Parameters
    ----------
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    judged
        Files behind the energies of the validation snapshots.
    energies
        Compares these energies with DFT's; none if no energies are asked for.
    settings
        The section of the config.
    seed
        Root seed of the config.
    """

    def __init__(
        self,
        training: PointData,
        validation: PointData,
        judged: Sequence[JudgedFiles],
        energies: EnergyErrors | None,
        *,
        settings: TableSettings,
        seed: int,
    ) -> None:
        self._settings, self._seed = settings, seed
        self._training = subset(training, settings.points, derive_seed(seed, "table", "points"))
        self._validation = subset(
            validation, settings.validation_points, derive_seed(seed, "table", "validation")
        )
        self._train = ShortTrainings(self._training, self._validation, use_gpu=settings.use_gpu)
        self._judged, self._energies = judged, energies

    def __call__(self, hyperparameters: Mapping[str, Value], number: int) -> Trained:
        """Train one configuration from one of its seeds, for every length.

        Parameters
        ----------
        hyperparameters
            The configuration.
        number
            Of the seed, from 0; the same number gives the same seed to all configurations.

        Returns
        -------
        Trained
            Also of trainings that diverged.
        """
        recipe = {k: v for k, v in hyperparameters.items() if k not in ARCHITECTURE_KEYS}
        recipe["optimiser"] = self._settings.optimiser
        lengths = self._settings.epochs
        seed = derive_seed(self._seed, "table", "training", number)
        runs = [
            self._train(architecture_of(hyperparameters), recipe, epochs=epochs, seed=seed)
            for epochs in lengths
        ]
        models = [self._model(run) for run in runs]
        energies, statuses = zip(*map(self._energy_errors, models), strict=True)
        told = zip(lengths, runs, strict=True)
        failures = [f"{epochs} epochs: {run.status}" for epochs, run in told if run.failure]
        return Trained(
            losses=tuple(run.loss for run in runs),
            seconds=tuple(run.seconds for run in runs),
            status=failures[0] if failures else "ok",
            energies=energies,
            energy_status=statuses[-1],
            inference_microseconds=self._microseconds(models[-1]),
        )

    def _model(self, run: ShortTraining) -> TrainedModel | None:
        """What was trained; none if it diverged."""
        if run.failure:
            return None
        return TrainedModel(run.fit.model, self._training.axis, self._training.definition)

    def _microseconds(self, model: TrainedModel | None) -> float:
        """Wall time of a prediction per point."""
        if model is None:
            return math.nan
        points = self._validation.descriptors
        return inference_microseconds(model, points, use_gpu=self._settings.use_gpu)

    def _energy_errors(self, model: TrainedModel | None) -> tuple[tuple[float, ...], str]:
        """Errors of energies, and why there are none."""
        nothing = (math.nan,) * len(ENERGIES)
        if self._energies is None:
            return nothing, "not asked for"
        if model is None:
            return nothing, "diverged"
        try:
            return tuple(self._energies.means(model, self._judged)), "ok"
        except PhysicsError as error:
            # An LDOS that does not even hold the electrons.
            return nothing, str(error).splitlines()[0]
