"""The `predict_large` section: one structure that many jobs predict together."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from surrogate_hpo.config.base import (
    NO_RERUN,
    SPLITS_JOBS,
    FileName,
    PositiveFloat,
    PositiveInt,
    Section,
    Triple,
)
from surrogate_hpo.config.frames import file_of, frame_problems
from surrogate_hpo.stages.descriptors.settings import Engine, Precision, require_able

# The gathering job opens all of them, and a process may open a thousand files.
MOST_SLABS = 500


class PredictLargeSettings(Section):
    """A structure too large for one job, cut into slabs of its grid; not part of the chain."""

    structure: FileName | None = Field(
        None,
        description="file that ASE reads, with one structure, or `file@7`; without it there is no "
        "such stage",
    )
    surrogate: FileName | None = Field(
        None, description="file of a surrogate; that of this run if absent"
    )
    slabs: int = Field(
        16,
        gt=0,
        le=MOST_SLABS,
        description="jobs that the planes of the grid along its first axis are dealt to",
        json_schema_extra=SPLITS_JOBS,
    )
    grid: Triple | None = Field(
        None, description="grid points along each cell vector; as the training's if absent"
    )
    electronic_temperature_kelvin: PositiveFloat | None = Field(
        None, description="for the occupations; that of the training if absent"
    )
    fermi_half_width_ev: PositiveFloat | None = Field(
        None,
        description="the Fermi energies are looked for so far from those of a coarse grid; if "
        "absent, twice as far as `surrogate-hpo predict` does: 6 meV or more",
    )
    forces: bool = Field(
        False,
        description="also forces, their spread and expected errors: one more job for all, and one "
        "for each slab",
        json_schema_extra=SPLITS_JOBS,
    )
    stress: bool = Field(
        False, description="also the stress, by the same jobs", json_schema_extra=SPLITS_JOBS
    )
    engine: Engine = Field("native", description="engine of the descriptors")
    precision: Precision = Field(
        "float64", description="of the descriptors' arithmetic; `float32` is faster"
    )
    use_gpu: bool = Field(
        False,
        description="descriptors (engine torch) and networks on CUDA",
        json_schema_extra=NO_RERUN,
    )
    block_points: PositiveInt = Field(
        16384, description="grid points in memory at a time", json_schema_extra=NO_RERUN
    )

    @field_validator("structure")
    @classmethod
    def _frame_is_one(cls, source: str | None) -> str | None:
        if problems := list(frame_problems("structure", [source] if source else [])):
            raise ValueError("; ".join(problems))
        return source

    @model_validator(mode="after")
    def _engine_can(self) -> Self:
        require_able("predict_large", self.engine, self.precision, use_gpu=self.use_gpu)
        return self

    @property
    def derivatives(self) -> bool:
        """Whether there are jobs for forces or stress."""
        return self.forces or self.stress

    @property
    def structure_file(self) -> str:
        """The file of the structure; empty without one."""
        return file_of(self.structure) if self.structure else ""

    @property
    def grid_points(self) -> tuple[int, int, int] | None:
        """The grid, if it is given."""
        return None if self.grid is None else (self.grid[0], self.grid[1], self.grid[2])
