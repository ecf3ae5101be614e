"""The `train` section: the final training."""

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, PositiveInt, Section


class TrainSettings(Section):
    """Final training of the chosen network from several random initialisations."""

    seeds: PositiveInt = Field(4, description="number of initialisations")
    maximum_epochs: PositiveInt = Field(..., description="passes over the training points")
    mixed_precision: bool = Field(
        False,
        description="matrix products in bfloat16: faster where the hardware has it, and another "
        "rounding of the weights",
    )
    data_memory_mebibytes: PositiveInt | None = Field(
        None,
        description="memory that the data may take in each process; if they need more, they are "
        "read in each epoch, in another order of the points; all are kept if null",
    )
    processes: PositiveInt = Field(
        1,
        description="processes on one machine that share each batch, a GPU each with `use_gpu`; "
        "the numbers are the same to rounding",
        json_schema_extra=NO_RERUN,
    )
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)
