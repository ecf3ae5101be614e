"""Weights taken out of a network and put back, for the training that they belong to."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from surrogate_hpo.errors import DataError
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
