"""The `surrogate` section: the file with all that a prediction needs."""

from pydantic import Field

from surrogate_hpo.config.base import Section


class SurrogateSettings(Section):
    """What the file says of itself, and of the errors to expect."""

    description: str = Field(
        "",
        description="your words, which the file carries to whom it is handed: what it is for, "
        "whom to cite",
    )
    forces: bool = Field(
        True,
        description="calibrate the expected errors of forces, too, where the DFT runs of the "
        "validation snapshots have forces: their predictions take about five times as long",
    )
