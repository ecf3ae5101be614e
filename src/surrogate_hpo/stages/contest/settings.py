"""The `contest` section: the space, the budget and the trainings that all methods share."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import Count, PositiveInt, Section
from surrogate_hpo.networks.options import Activation, InputScaling
from surrogate_hpo.scores.architectures.options import Direction, ProxyName
from surrogate_hpo.stages.search.settings import SearchSettings


class ContestScoreSettings(Section):
    """The score by which the methods named NASWOT choose a network without training it."""

    name: ProxyName = Field("naswot", description="which score")
    direction: Direction | None = Field(
        None, description="which end of the score wins; as its publication has it if null"
    )
    initialisations: Count = Field(5, description="random initialisations averaged over")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        50, description="points of the minibatch; clipped to the number of components"
    )
    points: PositiveInt = Field(4000, description="training points that a score may learn from")
    held_out_points: PositiveInt = Field(2000, description="points that such a score is judged on")
    input_scaling: InputScaling = Field(
        "standardised", description="how the descriptors enter the untrained networks"
    )


class ContestSettings(SearchSettings):
    """One space, one budget and one final training for every search method.

    The first option of each list and the middle of the interval are the defaults, at which a
    method leaves what it does not tune.
    """

    trials: PositiveInt = Field(100, description="trials of a method that searches everything")
    reduced_trials: PositiveInt = Field(
        6, description="trials of a method that trains only after it has chosen the network"
    )
    initialisations: Count = Field(2, description="trainings that each trial averages over")
    maximum_epochs: PositiveInt = Field(3, description="length of a trial's training")
    points: PositiveInt | None = Field(
        30000, description="training points per trial, drawn once; all if null"
    )
    validation_points: PositiveInt | None = Field(
        8000, description="points on which a trial is judged, drawn once; all if null"
    )
    layers: list[Count] = Field([2, 1, 3], min_length=1, description="hidden layers")
    widths: list[PositiveInt] = Field(
        [128, 32, 64, 192], min_length=1, description="units per hidden layer, the same in all"
    )
    activations: list[Activation] = Field(["tanh", "sigmoid", "leaky_relu"], min_length=1)
    learning_rate_levels: Annotated[int, Field(ge=2)] = Field(
        5, description="values of the interval that methods compare which need a list"
    )
    score: ContestScoreSettings = ContestScoreSettings()
    final_epochs: PositiveInt = Field(
        10, description="length of the final training, on all training points"
    )
    final_initialisations: Count = Field(
        5, description="networks trained finally; their errors give mean and spread"
    )

    @model_validator(mode="after")
    def _options_differ(self) -> Self:
        lists = {
            name: value
            for name in type(self).model_fields
            if _is_list(value := getattr(self, name))
        }
        twice = [name for name, value in lists.items() if len(set(value)) < len(value)]
        if twice:
            msg = f"an option is listed twice in {', '.join(twice)}"
            raise ValueError(msg)
        return self


def _is_list(value: object) -> bool:
    return isinstance(value, list)
