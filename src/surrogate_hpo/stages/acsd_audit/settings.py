"""The `acsd_audit` section: how the scores of descriptors are compared with trained networks."""

from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import (
    SPLITS_JOBS,
    Count,
    CutoffRadius,
    PositiveInt,
    Section,
)
from surrogate_hpo.config.short_recipe import ShortRecipeSettings
from surrogate_hpo.networks.options import Activation


class AcsdAuditSettings(Section):
    """Candidates of the acsd stage on which one network is briefly trained."""

    cutoff_radii_angstrom: list[CutoffRadius] | None = Field(
        None, min_length=1, description="which of the scored ones; all if null"
    )
    twojmax: list[PositiveInt] | None = Field(
        None, min_length=1, description="2 J_max: which of the scored ones; all if null"
    )
    layers: Count = Field(2, description="hidden layers of the network")
    width: PositiveInt = Field(128, description="units per hidden layer")
    activation: Activation = Field("tanh", description="of the hidden layers")
    resamples: Annotated[int, Field(ge=100)] = Field(
        2000, description="bootstrap resamples behind the intervals"
    )
    chunks: Count = Field(
        1, description="jobs that the trainings are spread over", json_schema_extra=SPLITS_JOBS
    )
    training: ShortRecipeSettings = ShortRecipeSettings()
