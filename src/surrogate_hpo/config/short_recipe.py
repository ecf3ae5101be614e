"""Brief trainings by a fixed recipe: what the audits compare scores with."""

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, Count, PositiveFloat, PositiveInt, Section
from surrogate_hpo.networks.options import InputScaling, OptimiserName


class ShortRecipeSettings(Section):
    """One recipe for all networks; the learning rate falls to zero over the epochs."""

    seeds: Count = Field(2, description="trainings of each network; their mean counts")
    points: PositiveInt = Field(20000, description="training points, drawn once for all")
    validation_points: PositiveInt = Field(
        8000, description="points of the validation snapshots on which the error is measured"
    )
    epochs: PositiveInt = Field(10, description="passes over the training points")
    batch_size: PositiveInt = Field(1000, description="points per optimiser step")
    learning_rate: PositiveFloat = Field(3e-3, description="at the start")
    optimiser: OptimiserName = Field("soap", description="as for the final training")
    weight_decay: float = Field(0.3, ge=0, description="decoupled, times the learning rate")
    input_scaling: InputScaling = Field("standardised", description="of the descriptors")
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)
