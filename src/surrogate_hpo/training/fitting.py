"""What search and final training share: scaled data and a seeded, resumable training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from surrogate_hpo.data.datasets import PointData
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.batches import TrainingData, TrainingSource
from surrogate_hpo.networks.energies.energy_terms import EnergyTerms
from surrogate_hpo.networks.group import ALONE, Group
from surrogate_hpo.networks.history import HistoryRow
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.options import InputScaling, OutputScaling
from surrogate_hpo.networks.recipe import Recipe
from surrogate_hpo.networks.scaling import (
    AffineScaler,
    error_weights,
    fit_input_scaler,
    fit_output_scaler,
)
from surrogate_hpo.networks.training import Trainer
from surrogate_hpo.run.devices import device_name
from surrogate_hpo.seeds import derive_seed

SCALING_KEY = "input_scaling"
OUTPUT_SCALING_KEY = "output_scaling"
_SCALING_KEYS = (SCALING_KEY, OUTPUT_SCALING_KEY)


def scalings_of(hyperparameters: Mapping[str, Any]) -> tuple[InputScaling, OutputScaling]:
    """Names of the scalings of descriptors and LDOS among the hyperparameters of a training."""
    return hyperparameters[SCALING_KEY], hyperparameters.get(OUTPUT_SCALING_KEY, "maximum")


@dataclass(frozen=True)
class ScaledData:
    """Training data, the scalers that made them, and the unit of the validation loss."""

    data: TrainingSource
    input_scaler: AffineScaler
    output_scaler: AffineScaler
    error_weights: torch.Tensor | None = None


def scale(
    training: PointData,
    validation: PointData,
    input_scaling: Any,  # noqa: ANN401
    output_scaling: OutputScaling = "maximum",
) -> ScaledData:
    """Fit the scalers on the training points and apply them to all.

    Parameters
    ----------
    training
        Grid points of the training snapshots.
    validation
        Grid points of the validation snapshots.
    input_scaling
        Name of the scaling of the descriptors.
    output_scaling
        Name of the scaling of the LDOS.

    Returns
    -------
    ScaledData
        Scaled tensors and the scalers. Whatever the output scaling, validation losses are
        squared errors relative to the largest LDOS of the training points.
    """
    inputs, targets = torch.from_numpy(training.descriptors), torch.from_numpy(training.ldos)
    input_scaler = fit_input_scaler(inputs, input_scaling)
    output_scaler = fit_output_scaler(targets, output_scaling)
    data = TrainingData(
        input_scaler.transform(inputs),
        output_scaler.transform(targets),
        input_scaler.transform(torch.from_numpy(validation.descriptors)),
        output_scaler.transform(torch.from_numpy(validation.ldos)),
    )
    return ScaledData(data, input_scaler, output_scaler, error_weights(output_scaler, targets))


def subset(points: PointData, count: int | None, seed: int) -> PointData:
    """A seeded random subset of the points, or all of them."""
    if count is None or count >= len(points.ldos):
        return points
    rows = np.random.default_rng(seed).choice(len(points.ldos), count, replace=False)
    return PointData(
        descriptors=points.descriptors[rows],
        ldos=points.ldos[rows],
        axis=points.axis,
        definition=points.definition,
    )


@dataclass
class Training:
    """A training of one initialisation, ready to run or to resume.

    Attributes
    ----------
    trainer
        Runs the epochs.
    model
        The network in training with its scalers.
    """

    trainer: Trainer
    model: SurrogateModel

    def run(
        self,
        on_epoch: Callable[[HistoryRow], None],
        on_batch: Callable[[], None] = lambda: None,
    ) -> HistoryRow:
        """Train to the end and return the epoch whose weights the model then has."""
        return self.trainer.run(on_epoch, on_batch)


def new_training(
    scaled: ScaledData,
    architecture: Architecture,
    hyperparameters: Mapping[str, Any],
    *,
    maximum_epochs: int,
    seed: int,
    use_gpu: bool,
    mixed_precision: bool = False,
    group: Group = ALONE,
    energy_terms: EnergyTerms | None = None,
) -> Training:
    """Build a network and its trainer.

    Parameters
    ----------
    scaled
        Data and scalers.
    architecture
        The network's.
    hyperparameters
        Fields of a `Recipe`; the scalings among them have been applied already.
    maximum_epochs
        Length of the training.
    seed
        Decides initial weights and order of the points, independently.
    use_gpu
        Train on CUDA.
    mixed_precision
        Matrix products in bfloat16.
    group
        The processes that share the training.
    energy_terms
        Free energies and forces of the training snapshots, scaled as the data.

    Returns
    -------
    Training
        Not yet run.
    """
    recipe = Recipe.from_dict(
        {key: value for key, value in hyperparameters.items() if key not in _SCALING_KEYS}
        | {"maximum_epochs": maximum_epochs, "mixed_precision": mixed_precision}
    )
    network = build_network(
        architecture,
        inputs=scaled.data.components,
        outputs=scaled.data.targets_like.shape[1],
        seed=derive_seed(seed, "weights"),
    )
    trainer = Trainer(
        network,
        scaled.data,
        recipe,
        seed=derive_seed(seed, "order"),
        device=device_name(use_gpu=use_gpu),
        error_weights=scaled.error_weights,
        group=group,
        energy_terms=energy_terms,
    )
    model = SurrogateModel(architecture, network, scaled.input_scaler, scaled.output_scaler)
    return Training(trainer, model)
