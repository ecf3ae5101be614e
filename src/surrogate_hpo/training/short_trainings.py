"""Short trainings, and what they cost: what audits, contests and tables of networks share."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.networks.architecture import Architecture
from surrogate_hpo.networks.history import DivergenceError
from surrogate_hpo.networks.options import InputScaling, OutputScaling
from surrogate_hpo.search.space import Value
from surrogate_hpo.training.fitting import (
    ScaledData,
    Training,
    new_training,
    scale,
    scalings_of,
)


def compute_seconds(*, use_gpu: bool) -> float:
    """CPU time of this process; on a GPU, the wall time after all its work so far is done."""
    if not use_gpu:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


@dataclass(frozen=True)
class ShortTraining:
    """A training that has come to its end, one way or the other.

    Attributes
    ----------
    fit
        The training.
    loss
        Validation loss of the scaled LDOS; +inf if it diverged.
    seconds
        Compute.
    failure
        Why it diverged, in full; empty if it did not.
    """

    fit: Training
    loss: float
    seconds: float
    failure: str

    @property
    def status(self) -> str:
        """``ok``, or at which epoch and learning rate it diverged."""
        if not self.failure:
            return "ok"
        return f"diverged at {self.failure.splitlines()[1].strip().removeprefix('where: ')}"


def run_shortly(make: Callable[[], Training], *, use_gpu: bool) -> ShortTraining:
    """Make a training and run it to its end.

    Parameters
    ----------
    make
        Makes it.
    use_gpu
        Whether it runs on CUDA.

    Returns
    -------
    ShortTraining
        Also of one that diverged.
    """
    start = compute_seconds(use_gpu=use_gpu)
    fit = make()
    try:
        loss, failure = fit.run(lambda _: None).validation_loss, ""
    except DivergenceError as error:
        loss, failure = math.inf, str(error)
    return ShortTraining(fit, loss, compute_seconds(use_gpu=use_gpu) - start, failure)


class ShortTrainings:
    """Trains networks on the same points, whose scalings are made once.

    Parameters
    ----------
    training
        Points to train on.
    validation
        Points that the loss is of.
    use_gpu
        Train on CUDA.
    mixed_precision
        Matrix products in bfloat16.
    """

    def __init__(
        self,
        training: PointData,
        validation: PointData,
        *,
        use_gpu: bool,
        mixed_precision: bool = False,
    ) -> None:
        self._points = training, validation
        self._use_gpu, self._mixed_precision = use_gpu, mixed_precision
        self._scaled: dict[tuple[InputScaling, OutputScaling], ScaledData] = {}

    def __call__(
        self, architecture: Architecture, recipe: Mapping[str, Value], *, epochs: int, seed: int
    ) -> ShortTraining:
        """Train a network.

        Parameters
        ----------
        architecture
            The network.
        recipe
            Hyperparameters of the training, with its scalings.
        epochs
            Length.
        seed
            Of initial weights and batches.

        Returns
        -------
        ShortTraining
            Also of one that diverged.
        """
        data = self._data(recipe)
        return run_shortly(
            lambda: new_training(
                data,
                architecture,
                recipe,
                maximum_epochs=epochs,
                seed=seed,
                use_gpu=self._use_gpu,
                mixed_precision=self._mixed_precision,
            ),
            use_gpu=self._use_gpu,
        )

    def _data(self, recipe: Mapping[str, Value]) -> ScaledData:
        scalings = scalings_of(recipe)
        if scalings not in self._scaled:
            self._scaled[scalings] = scale(*self._points, *scalings)
        return self._scaled[scalings]
