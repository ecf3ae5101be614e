"""The `descriptors` section: SNAP on the full grid for the chosen candidate."""

from typing import Literal

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, PositiveInt, Section


class DescriptorsSettings(Section):
    """Precision and blocking of the descriptor engine."""

    precision: Literal["float64", "float32"] = Field(
        "float64", description="arithmetic of the kernel; the store holds float32 either way"
    )
    block_points: PositiveInt = Field(
        65536, description="grid points held in memory at a time", json_schema_extra=NO_RERUN
    )
