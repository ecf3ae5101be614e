"""What a training has reached, epoch by epoch: losses, weights to go back to, and what ends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.networks.recipe import Recipe


def copy_weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy weights, so that further training does not change them."""
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def check_same_training(state: Mapping[str, Any], *, seed: int, recipe: Recipe) -> None:
    """Make sure that a checkpoint belongs to a training.

    Parameters
    ----------
    state
        The checkpoint.
    seed
        Seed of the training.
    recipe
        Its recipe.

    Raises
    ------
    DataError
        It belongs to one of another recipe or seed.
    """
    expected = {"seed": seed, "recipe": recipe.to_dict()}
    got = {key: state.get(key) for key in expected}
    if got != expected:
        raise DataError(
            "The checkpoint belongs to another training.",
            expected=str(expected),
            got=str(got),
            remedy="Delete the checkpoint, or restore the settings that it was made with.",
        )


def load_weights(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network the weights of a checkpoint.

    Parameters
    ----------
    network
        The network.
    weights
        What its `state_dict` returned.

    Raises
    ------
    DataError
        They belong to another network.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise DataError(
            "The checkpoint belongs to another network.",
            got=str(error),
            remedy="Delete the checkpoint, or restore the architecture it was made with.",
        ) from error


class DivergenceError(PhysicsError):
    """The loss of a training is no longer a finite number."""


@dataclass(frozen=True)
class HistoryRow:
    """One epoch of a training.

    Attributes
    ----------
    epoch
        Number of the epoch, from 1.
    learning_rate
        Learning rate of the epoch's first step.
    training_loss
        Mean loss over the epoch's batches, in squared units of the scaled LDOS.
    validation_loss
        Mean squared error of the validation data after the epoch: without the density of
        states, which may be part of the loss, so that trainings can be compared.
    """

    epoch: int
    learning_rate: float
    training_loss: float
    validation_loss: float


def divergence(
    epoch: int, learning_rate: float, training_loss: float, validation_loss: float
) -> DivergenceError:
    """The error that tells of losses that are no longer finite."""
    return DivergenceError(
        "The training has diverged: its loss is no longer finite.",
        where=f"epoch {epoch}, learning rate {learning_rate:g}",
        expected="finite losses",
        got=f"training loss {training_loss}, validation loss {validation_loss}",
        remedy="Lower the learning rate, and check that descriptors and LDOS are finite.",
    )
