"""What a search method asks for in a contest: short trainings, and scores without any."""

from functools import cached_property
from typing import cast

import numpy as np
import torch

from surrogate_hpo.contest.methods.interface import Evaluation, Hyperparameters
from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData
from surrogate_hpo.networks.options import Activation
from surrogate_hpo.networks.point_parts import in_memory
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.search.options import ARCHITECTURE_KEYS
from surrogate_hpo.search.space import Value
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.contest.settings import ContestSettings
from surrogate_hpo.training.fitting import subset
from surrogate_hpo.training.score_data import make_score_data
from surrogate_hpo.training.short_trainings import ShortTrainings


def warm_up(settings: ContestSettings) -> None:
    """Train something tiny with each optimiser: the first step of a process costs a second.

    That second would be charged to the first trial, and so to the methods with few trials.
    """
    points = torch.rand(64, 4, generator=torch.Generator().manual_seed(0))
    for optimiser in settings.optimiser:
        network = build_network(Architecture((4,), "tanh"), inputs=4, outputs=4, seed=0)
        recipe = Recipe(optimiser=optimiser, batch_size=32, maximum_epochs=2)
        device = device_name(use_gpu=settings.use_gpu)
        data = TrainingData(points, points, points, points)
        Trainer(network, data, recipe, seed=0, device=device).run()


def architecture_of(hyperparameters: Hyperparameters) -> Architecture:
    """Return the network that `layers`, `width` and `activation` describe."""
    layers, width, activation = (hyperparameters[key] for key in ARCHITECTURE_KEYS[:3])
    return Architecture((int(width),) * int(layers), cast(Activation, activation))


def recipe_of(hyperparameters: Hyperparameters) -> dict[str, Value]:
    """Return the hyperparameters of the training alone."""
    return {key: value for key, value in hyperparameters.items() if key not in ARCHITECTURE_KEYS}


class TrainingObjective:
    """Mean validation loss of the scaled LDOS over short trainings; same seeds for all points.

    Parameters
    ----------
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    settings
        Points and epochs of a trial.
    seed
        Root seed.
    """

    def __init__(
        self, training: PointData, validation: PointData, settings: ContestSettings, seed: int
    ) -> None:
        self._settings = settings
        self._seed = seed
        self._train = ShortTrainings(
            subset(training, settings.points, derive_seed(seed, "contest", "points")),
            subset(
                validation, settings.validation_points, derive_seed(seed, "contest", "validation")
            ),
            use_gpu=settings.use_gpu,
            mixed_precision=settings.mixed_precision,
        )

    def __call__(
        self, hyperparameters: Hyperparameters, *, initialisations: int, fidelity: float = 1.0
    ) -> Evaluation:
        """Train and average; a training that diverges fails the evaluation at what it cost."""
        epochs = max(1, round(fidelity * self._settings.maximum_epochs))
        share = epochs / self._settings.maximum_epochs
        losses: list[float] = []
        seconds, reason = 0.0, ""
        for number in range(initialisations):
            one = self._train(
                architecture_of(hyperparameters),
                recipe_of(hyperparameters),
                epochs=epochs,
                seed=derive_seed(self._seed, "contest", "initialisation", number),
            )
            seconds += one.seconds
            if one.failure:
                reason = f"initialisation {number}: {one.failure}"
                break
            losses.append(one.loss)
        return Evaluation(
            value=float("nan") if reason else float(np.mean(losses)),
            values=tuple(losses),
            seconds=seconds,
            trainings=share * (len(losses) + bool(reason)),
            state="failed" if reason else "complete",
            reason=reason,
        )


class ScoreObjective:
    """The score of the settings as a value to minimise; its data are drawn when first needed.

    Parameters
    ----------
    training
        Points of the training snapshots.
    validation
        Points of the validation snapshots.
    settings
        Which score, and how it is read.
    seed
        Root seed.
    """

    def __init__(
        self, training: PointData, validation: PointData, settings: ContestSettings, seed: int
    ) -> None:
        self._points = (training, validation)
        self._settings = settings.score
        self._seed = seed
        proxy = PROXIES[settings.score.name]
        self._score = proxy
        self.label = proxy.label
        self.direction = settings.score.direction or proxy.direction

    @cached_property
    def _data(self) -> ScoreData:
        training, validation = self._points
        return make_score_data(
            in_memory(training.descriptors),
            training,
            validation,
            self._settings,
            stage="contest",
            seed=self._seed,
        )

    def __call__(self, hyperparameters: Hyperparameters) -> Evaluation:
        """Score the architecture; one that the score rejects is a failed evaluation."""
        architecture, data = architecture_of(hyperparameters), self._data
        found = self._score(
            architecture,
            data,
            seed=derive_seed(self._seed, "contest", architecture.label),
            initialisations=self._settings.initialisations,
        )
        sign = -1 if self.direction == "maximise" else 1
        return Evaluation(
            value=sign * found.score if found.accepted else float("nan"),
            values=tuple(sign * value for value in found.values),
            seconds=found.seconds,
            trainings=0.0,
            state="complete" if found.accepted else "failed",
            reason="" if found.accepted else found.status,
        )
