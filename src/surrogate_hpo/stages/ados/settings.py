"""The `ados` section: density of states by atom."""

from typing import Annotated

from pydantic import Field

from surrogate_hpo.config.base import (
    NO_RERUN,
    Count,
    CutoffRadius,
    PositiveFloat,
    PositiveInt,
    Section,
)
from surrogate_hpo.networks.options import Activation, InputScaling


class AdosSettings(Section):
    """From the surroundings of an atom to its share of the density of states.

    A linear map in closed form, and small networks that learn what it leaves.

    Not part of the chain: `snakemake ados`.
    """

    width_angstrom: PositiveFloat = Field(
        1.3,
        description="σ of the Gaussians by which the atoms share space; between the spacing of "
        "the grid and the cutoff radius",
    )
    cutoff_radius_angstrom: CutoffRadius | None = Field(
        None, description="of the descriptor at the atoms; what ACSD chose for the grid if null"
    )
    twojmax: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None, description="2 J_max of it; what ACSD chose for the grid if null"
    )
    hidden_widths: Annotated[list[Count], Field(min_length=1, max_length=10)] = Field(
        [32], description="neurons per hidden layer"
    )
    activation: Activation = "tanh"
    input_scaling: InputScaling = "standardised"
    learning_rate: PositiveFloat = Field(3e-3, description="of SOAP, annealed to zero")
    weight_decay: Annotated[float, Field(ge=0)] = 0.3
    batch_atoms: PositiveInt = Field(16, description="atoms per step")
    maximum_epochs: PositiveInt = 100
    seeds: Count = Field(4, description="number of initialisations; shown as their spread")
    members: int = Field(
        8,
        ge=0,
        le=100,
        description="linear maps fitted to snapshots drawn with replacement; their spread, scaled "
        "to errors of left-out snapshots, is the error bar; 0 for none",
    )
    beside_surrogate: bool = Field(
        True,
        description="with the errors, seconds and total free energies of the run's own surrogate "
        "beside it: runs the chain up to `evaluate` first",
    )
    block_points: PositiveInt = Field(
        4096,
        description="grid points whose weights are in memory at a time",
        json_schema_extra=NO_RERUN,
    )
    use_gpu: bool = Field(False, description="train on a CUDA device", json_schema_extra=NO_RERUN)
