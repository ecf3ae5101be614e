"""The `evaluate` section: energies of the held-out snapshots."""

from pydantic import Field

from surrogate_hpo.config.base import NO_RERUN, PositiveInt, Section


class EvaluateSettings(Section):
    """How the held-out snapshots are predicted."""

    block_points: PositiveInt = Field(
        65536, description="grid points predicted at a time", json_schema_extra=NO_RERUN
    )
    use_gpu: bool = Field(False, description="predict on a CUDA device", json_schema_extra=NO_RERUN)
    forces: bool = Field(
        True,
        description="judge forces and stress, too, where the DFT results have them: four networks "
        "take about five times as long",
    )
