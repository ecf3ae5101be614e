"""The `search` section: the reduced study of the optimisation hyperparameters."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import NO_RERUN, PositiveFloat, PositiveInt, Section
from surrogate_hpo.networks.options import InputScaling, OptimiserName, Schedule


class SearchSettings(Section):
    """Optuna TPE study; a trial's value is the mean validation loss over initialisations."""

    trials: PositiveInt = Field(..., description="number of trials")
    initialisations: PositiveInt = Field(2, description="trainings that each trial averages over")
    maximum_epochs: PositiveInt = Field(..., description="length of a trial's training")
    points: PositiveInt | None = Field(
        None, description="training points per trial, drawn once; all if null"
    )
    learning_rate: Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)] = Field(
        [3e-4, 1e-2], description="lower and upper bound, searched on a logarithmic scale"
    )
    batch_size: list[PositiveInt] = Field([500, 1000, 2000], min_length=1)
    schedule: list[Schedule] = Field(
        ["cosine"],
        min_length=1,
        description="`cosine` anneals and takes the last weights; `constant` stops early",
    )
    patience: list[PositiveInt] = Field(
        [8], min_length=1, description="for `constant`: epochs without gain before it stops"
    )
    weight_decay: list[Annotated[float, Field(ge=0)]] = Field([0.3], min_length=1)
    optimiser: list[OptimiserName] = Field(["soap"], min_length=1)
    input_scaling: list[InputScaling] = Field(["standardised", "whitened"], min_length=1)
    startup_trials: PositiveInt = Field(5, description="trials at random before TPE takes over")
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        low, high = self.learning_rate
        if low >= high:
            msg = f"learning_rate: the lower bound {low} is not below the upper bound {high}"
            raise ValueError(msg)
        return self
