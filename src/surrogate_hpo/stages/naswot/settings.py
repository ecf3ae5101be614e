"""The `naswot` section: which architectures are scored, and how the score is read."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import SPLITS_JOBS, Count, PositiveFloat, PositiveInt, Section
from surrogate_hpo.networks.options import Activation, InputScaling
from surrogate_hpo.scores.architectures.options import LEARNING_SCORES, ProxyName


class NaswotSettings(Section):
    """A training-free scan over architectures."""

    layers: list[Count] = Field(..., min_length=1, description="numbers of hidden layers")
    widths: list[PositiveInt] = Field(..., min_length=1, description="units per hidden layer")
    activations: list[Activation] = Field(..., min_length=1)
    equal_widths: bool = Field(True, description="same width in all layers of a network")
    score: ProxyName = Field(
        "activation_patterns",
        description="which score ranks the architectures; `naswot` is that of the paper; see "
        "docs/concepts/audit.md and docs/concepts/table.md",
    )
    direction: Literal["maximise", "minimise", "audit"] | None = Field(
        None,
        description="of the score; as its publication has it if null; for `naswot`: `maximise` as "
        "the paper, `minimise` as the original; `audit`: as the trained networks of the audit "
        "stage say",
    )
    sample: PositiveInt | None = Field(
        None, description="score this many architectures drawn at random instead of all"
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(
        50, description="N_batch: grid points; clipped to the number of descriptor components"
    )
    initialisations: Count = Field(5, description="T: random initialisations averaged over")
    regularisation: PositiveFloat = Field(1e-4, description="k of the NASWOT score")
    points: PositiveInt = Field(
        4000, description="training points that `readout`, `short_training` and `zico` see"
    )
    held_out_points: PositiveInt = Field(
        1000, description="points of the validation snapshots that such a score is judged on"
    )
    input_scaling: InputScaling = Field(
        "standardised", description="how the descriptors enter the untrained networks"
    )
    chunks: Count = Field(
        1,
        description="jobs that the scores are spread over",
        json_schema_extra=SPLITS_JOBS,
    )

    @model_validator(mode="after")
    def _direction_of_a_named_score(self) -> Self:
        # The default was once another score, which is read the other way round.
        if self.direction in ("maximise", "minimise") and "score" not in self.model_fields_set:
            msg = (
                f"direction: {self.direction} says how to read a score that is not named; add "
                "score: naswot (the paper's), or leave the direction out"
            )
            raise ValueError(msg)
        return self

    @property
    def needs_ldos(self) -> bool:
        """Whether the score learns from the LDOS, so that all labelled snapshots are read."""
        return self.score in LEARNING_SCORES
