"""The `table` section: which networks are trained for the table, how, and what is measured."""

from typing import Annotated, Self, get_args

from pydantic import Field, model_validator

from surrogate_hpo.config.base import (
    NO_RERUN,
    SPLITS_JOBS,
    Count,
    PositiveFloat,
    PositiveInt,
    Section,
)
from surrogate_hpo.networks.options import Activation, InputScaling, OptimiserName
from surrogate_hpo.scores.architectures.options import ProxyName

MINIMUM_CONFIGURATIONS = 8
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TableScoreSettings(Section):
    """How the training-free scores of every network of the table are computed."""

    names: list[ProxyName] = Field(list(get_args(ProxyName)), description="which scores")
    initialisations: Count = Field(5, description="random initialisations averaged over")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        50, description="points of the minibatch; clipped to the number of components"
    )
    points: PositiveInt = Field(4000, description="training points that a score may learn from")
    held_out_points: PositiveInt = Field(1000, description="points that such a score is judged on")
    input_scaling: InputScaling = Field(
        "standardised", description="how the descriptors enter the untrained networks"
    )


class TableSettings(Section):
    """Networks that are all trained, so that any search can be replayed on them for nothing.

    A scrambled Sobol sequence spreads the configurations over lists and interval. Each is trained
    anew for every length of `epochs`, annealed to its own end, as the trials of a search are.
    """

    configurations: Annotated[int, Field(ge=MINIMUM_CONFIGURATIONS, le=100_000)] = Field(
        400, description="points of the space"
    )
    seeds: Count = Field(2, description="trainings of each from other initial weights")
    epochs: list[PositiveInt] = Field(
        [2, 6, 18],
        min_length=1,
        description="lengths of the trainings, rising; the last is a whole",
    )
    points: PositiveInt | None = Field(
        12000, description="training points, drawn once for all; all if null"
    )
    validation_points: PositiveInt | None = Field(
        8000, description="points of the validation snapshots behind the loss; all if null"
    )
    layers: list[Count] = Field([1, 2, 3], min_length=1, description="hidden layers")
    widths: list[PositiveInt] = Field(
        [16, 32, 64, 96, 128], min_length=1, description="units of the first hidden layer"
    )
    tapers: list[PositiveFloat] = Field(
        [1.0, 0.5, 2.0],
        min_length=1,
        description="units of the last hidden layer over those of the first; the layers between "
        "form a geometric series; 1: equal widths",
    )
    activations: list[Activation] = Field(list(get_args(Activation)), min_length=1)
    learning_rate: Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)] = Field(
        [3e-4, 3e-2], description="lower and upper bound, spread evenly on a logarithmic scale"
    )
    batch_size: list[PositiveInt] = Field([250, 500, 1000], min_length=1)
    input_scaling: list[InputScaling] = Field(["standardised", "whitened"], min_length=1)
    weight_decay: list[NotNegative] = Field(
        [0.3, 0.0], min_length=1, description="decoupled, times the learning rate"
    )
    optimiser: OptimiserName = Field("soap", description="of all trainings")
    energies: bool = Field(
        True,
        description="also predict band energy and total free energy of the validation snapshots "
        "after each training",
    )
    score: TableScoreSettings = TableScoreSettings()
    chunks: Count = Field(
        1,
        description="jobs that the configurations are spread over",
        json_schema_extra=SPLITS_JOBS,
    )
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name in ("learning_rate", "epochs"):
            given = getattr(self, name)
            if sorted(set(given)) != given:
                msg = f"{name}: {given} does not rise"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _options_differ(self) -> Self:
        lists = ("layers", "widths", "tapers", "activations", "batch_size", "input_scaling")
        values = {name: getattr(self, name) for name in (*lists, "weight_decay")}
        values["score.names"] = self.score.names
        twice = [name for name, value in values.items() if len(set(value)) < len(value)]
        if twice:
            msg = f"an option is listed twice in {', '.join(twice)}"
            raise ValueError(msg)
        return self
