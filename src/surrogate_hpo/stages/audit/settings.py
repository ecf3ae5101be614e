"""The `audit` section: how training-free scores are compared with trained networks."""

from typing import Annotated, Self, get_args

from pydantic import Field, field_validator, model_validator

from surrogate_hpo.config.base import SPLITS_JOBS, Count, PositiveInt, Section
from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.networks.options import Activation, InputScaling
from surrogate_hpo.scores.architectures.options import ProxyName

MINIMUM_ARCHITECTURES = 8


class AuditSettings(Section):
    """Architectures that are both scored and briefly trained, and with which scores.

    Its space is wider than that of a scan should be: a score that cannot tell a bad network
    from a good one among very different ones will not tell similar ones apart.
    """

    architectures: Annotated[int, Field(ge=MINIMUM_ARCHITECTURES)] = Field(
        60, description="drawn from the space; the intervals narrow with their square root"
    )
    layers: list[Count] = Field([1, 2, 3, 4], min_length=1)
    widths: list[PositiveInt] = Field([16, 32, 64, 128, 192, 256], min_length=1)
    activations: list[Activation] = Field(list(get_args(Activation)), min_length=1)
    equal_widths: bool = Field(True, description="same width in all layers of a network")
    scores: list[ProxyName] = Field(
        list(get_args(ProxyName)), min_length=1, description="which scores are audited"
    )
    initialisations: Count = Field(5, description="per architecture and score")
    batch_size: Annotated[int, Field(ge=2)] = Field(
        50, description="points of the minibatch of the Jacobian scores, as for `naswot`"
    )
    points: PositiveInt = Field(4000, description="training points that a score may learn from")
    held_out_points: PositiveInt = Field(1000, description="points that such a score is judged on")
    input_scaling: InputScaling = Field(
        "standardised", description="how the descriptors enter the untrained networks"
    )
    resamples: Annotated[int, Field(ge=100)] = Field(
        2000, description="bootstrap resamples behind the intervals"
    )
    chunks: Count = Field(
        1,
        description="jobs that the scores and trainings are spread over",
        json_schema_extra=SPLITS_JOBS,
    )
    training: ShortRecipeSettings = ShortRecipeSettings()

    @field_validator("scores")
    @classmethod
    def _each_once(cls, given: list[ProxyName]) -> list[ProxyName]:
        if len(set(given)) < len(given):
            msg = "a score is named twice"
            raise ValueError(msg)
        return given

    @model_validator(mode="after")
    def _space_is_large_enough(self) -> Self:
        widths, activations = len(set(self.widths)), len(set(self.activations))
        size = activations * sum(
            widths ** (1 if self.equal_widths else layers) for layers in set(self.layers)
        )
        if size < self.architectures:
            msg = (
                f"layers, widths and activations make {size} architectures, "
                f"and {self.architectures} are asked for: widen the lists or lower `architectures`"
            )
            raise ValueError(msg)
        return self
