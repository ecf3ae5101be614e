"""The `naswot` section: which architectures are scored, and how the score is read."""

from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section
from surrogate_hpo.networks.options import Activation, InputScaling
from surrogate_hpo.selection.options import Direction


class NaswotSettings(Section):
    """A training-free scan over architectures."""

    layers: list[PositiveInt] = Field(..., min_length=1, description="numbers of hidden layers")
    widths: list[PositiveInt] = Field(..., min_length=1, description="units per hidden layer")
    activations: list[Activation] = Field(..., min_length=1)
    equal_widths: bool = Field(True, description="same width in all layers of a network")
    sample: PositiveInt | None = Field(
        None, description="score this many architectures drawn at random instead of all"
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(
        50, description="N_batch: grid points; clipped to the number of descriptor components"
    )
    initialisations: PositiveInt = Field(5, description="T: random initialisations averaged over")
    direction: Direction = Field(
        "maximise", description="of the score: `maximise` as the paper, `minimise` as the original"
    )
    regularisation: PositiveFloat = Field(1e-4, description="k of the score")
    input_scaling: InputScaling = Field(
        "standardised", description="how the descriptors enter the untrained networks"
    )
