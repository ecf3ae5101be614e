"""The `report` section."""

from pydantic import Field

from surrogate_hpo.config.base import PositiveFloat, Section


class ReportSettings(Section):
    """Title and the targets that the headline compares with."""

    title: str = Field("Surrogate of the electronic structure", min_length=1)
    target_mev_per_atom: PositiveFloat = Field(
        5.0, description="the total free energy's mean absolute error that counts as reached"
    )
