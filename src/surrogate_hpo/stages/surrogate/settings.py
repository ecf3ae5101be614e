"""The `surrogate` section: the file with all that a prediction needs."""

from pydantic import Field

from surrogate_hpo.config.base import Section


class SurrogateSettings(Section):
    """What the file says of itself."""

    description: str = Field(
        "",
        description="your words, which the file carries to whom it is handed: what it is for, "
        "whom to cite",
    )
