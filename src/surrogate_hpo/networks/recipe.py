"""How a network is trained: the optimisation hyperparameters and what they mean."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

import torch
from torch import nn

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.networks.options import LARGEST_COUPLED_DECAY, OptimiserName, Schedule
from surrogate_hpo.networks.soap import Soap


@dataclass(frozen=True)
class Recipe:
    """Optimisation hyperparameters of one training.

    Attributes
    ----------
    optimiser
        ``soap``, ``adamw`` or ``adam``. A SOAP step takes 1.3 to 1.7 times as long as an Adam
        step, and far fewer steps are needed, because the descriptors are collinear. Without
        weight decay, ``adamw`` and ``adam`` are the same.
    learning_rate
        Step length at the start.
    batch_size
        Grid points per step; an epoch is cut into equal batches of about this size.
    maximum_epochs
        Number of passes over the training points; the length of the schedule.
    patience
        Epochs in a row without a lower validation loss after which ``constant`` stops and
        ``plateau`` lowers the learning rate.
    schedule
        ``cosine`` lowers the learning rate to zero over `maximum_epochs` and takes the last
        weights. ``constant`` keeps it, stops early and takes the weights of the lowest
        validation loss. Energies sum errors over the whole cell, so they want annealed
        weights: those of an earlier epoch can have a lower loss and a larger common shift.
        ``plateau`` multiplies it by `plateau_factor` whenever the validation loss stands still,
        and takes the weights of the lowest validation loss.
    plateau_factor
        Factor of ``plateau``.
    weight_decay
        With ``soap`` and ``adamw`` a step also multiplies the weights by one minus learning
        rate times this (decoupled decay). ``adam`` adds this times the weights to the
        gradient (coupled, or L2), so that its values are smaller by orders of magnitude.
    dos_weight
        Weight of the error of the density of states in the loss, see `losses`.
    mixed_precision
        Matrix products of the training in bfloat16, weights and validation in float32.

    Raises
    ------
    ConfigError
        A value out of range; the message lists all of them.
    """

    optimiser: OptimiserName = "soap"
    learning_rate: float = 3e-3
    batch_size: int = 2000
    maximum_epochs: int = 20
    patience: int = 8
    schedule: Schedule = "cosine"
    plateau_factor: float = 0.1
    weight_decay: float = 0.3
    dos_weight: float = 0.0
    mixed_precision: bool = False

    def __post_init__(self) -> None:
        faults = [
            f"{name} = {getattr(self, name)!r}: expected {expected}"
            for name, expected, valid in (
                ("optimiser", "soap, adamw or adam", self.optimiser in get_args(OptimiserName)),
                ("learning_rate", "a positive number", 0 < self.learning_rate < math.inf),
                ("batch_size", "a positive integer", self.batch_size >= 1),
                ("maximum_epochs", "a positive integer", self.maximum_epochs >= 1),
                ("patience", "a positive integer", self.patience >= 1),
                ("schedule", "cosine, constant or plateau", self.schedule in get_args(Schedule)),
                ("weight_decay", "zero or a positive number", 0 <= self.weight_decay < math.inf),
                (
                    "weight_decay",
                    f"at most {LARGEST_COUPLED_DECAY} with adam, which adds it to the gradient; "
                    "adamw has the decoupled decay",
                    self.optimiser != "adam" or not self.weight_decay > LARGEST_COUPLED_DECAY,
                ),
                ("plateau_factor", "a number between 0 and 1", 0 < self.plateau_factor < 1),
                ("dos_weight", "zero or a positive number", 0 <= self.dos_weight < math.inf),
            )
            if not valid
        ]
        if faults:
            raise ConfigError("The training recipe makes no sense.", got="; ".join(faults))

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready mapping that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> "Recipe":
        """Read what `to_dict` wrote; keys left out take their defaults.

        Parameters
        ----------
        mapping
            Hyperparameters by name.

        Returns
        -------
        Recipe
            The recipe described.

        Raises
        ------
        ConfigError
            Unknown keys, or values out of range.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(mapping) - set(known))
        if unknown:
            raise ConfigError(
                "Unknown hyperparameters in a training recipe.",
                expected=", ".join(known),
                got=", ".join(unknown),
            )
        return cls(**mapping)

    def reductions(self, validation_losses: Iterable[float]) -> int:
        """Count how often ``plateau`` has lowered the learning rate.

        Follows from the history alone, so that a resumed training needs no other memory.

        Parameters
        ----------
        validation_losses
            Those of all epochs so far.

        Returns
        -------
        int
            Zero with the other schedules.
        """
        if self.schedule != "plateau":
            return 0
        lowest, stale, count = math.inf, 0, 0
        for loss in validation_losses:
            stale = 0 if loss < lowest else stale + 1
            lowest = min(lowest, loss)
            if stale == self.patience:
                stale, count = 0, count + 1
        return count

    def learning_rate_at(self, progress: float, reductions: int = 0) -> float:
        r"""Return the learning rate after a fraction of the training.

        ``cosine`` is :math:`\tfrac12\eta(1 + \cos\pi t)` with :math:`t` the progress.

        Parameters
        ----------
        progress
            Steps done over the steps of `maximum_epochs`, between 0 and 1.
        reductions
            How often ``plateau`` has lowered it.

        Returns
        -------
        float
            Learning rate of the next step.
        """
        if self.schedule != "cosine":
            return self.learning_rate * self.plateau_factor**reductions
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * progress))


def build_optimiser(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """Build the optimiser that a recipe names over a network's parameters.

    Parameters
    ----------
    recipe
        Optimiser, learning rate and weight decay.
    network
        Network whose parameters are optimised.

    Returns
    -------
    torch.optim.Optimizer
        The optimiser, whose learning rate the trainer sets before each step.
    """
    if recipe.optimiser == "soap":
        return Soap(
            network.parameters(),
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(
        network.parameters(),
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
