"""What a training has reached, epoch by epoch, and what ends it."""

from dataclasses import dataclass

from surrogate_hpo.errors import PhysicsError


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
