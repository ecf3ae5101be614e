"""What config sections have in common, and what snapshots are for."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = ("training", "validation", "test")
# Names of the training snapshots that the `rounds` stage adds; `RoundsSettings` makes them.
ROUND_SNAPSHOT = r"round\d+-\d{4}"


def _file_name(path: str) -> str:
    if "{" in path or "}" in path:
        msg = "in names of files Snakemake takes braces for wildcards; rename file or folder"
        raise ValueError(msg)
    if not path.strip():
        msg = "an empty name of a file"
        raise ValueError(msg)
    return path


# Path of a user's file that becomes an input of a rule.
FileName = Annotated[str, AfterValidator(_file_name)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Å. More takes thousands of neighbours per point; 450 was meant in picometres.
CutoffRadius = Annotated[float, Field(gt=0, le=30, allow_inf_nan=False)]
# More than any machine can count to within a run; less than what overflows an array's size.
PositiveInt = Annotated[int, Field(gt=0, le=10**9)]
# Of what is listed one by one, as jobs or hidden layers.
Count = Annotated[int, Field(gt=0, le=10_000)]
Triple = Annotated[list[PositiveInt], Field(min_length=3, max_length=3)]

# Marks a setting that says where or how fast a number is computed, never which number:
# changing it reruns nothing.
NO_RERUN: dict[str, Any] = {"reruns": False}
# Marks a setting that says into how many jobs a stage is split. No number depends on it either,
# but Snakemake sees other jobs, and reruns the stage.
SPLITS_JOBS: dict[str, Any] = {"numbers": False}


class Section(BaseModel):
    """One section of the config: unknown keys are refused, values are not coerced.

    Strict types keep `"16"` from passing as a number: a wrong type in a config
    is nearly always a slip that the user wants to hear about. No number of a config is infinite.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def deciding(self) -> dict[str, Any]:
        """The settings that decide the numbers, as plain JSON values."""
        fields = type(self).model_fields
        neutral = {
            name for name, f in fields.items() if f.json_schema_extra in (NO_RERUN, SPLITS_JOBS)
        }
        return self.model_dump(mode="json", exclude=neutral)


def section_types(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 (any type)
    """Sections that a key may hold, also as items of a list.

    Parameters
    ----------
    annotation
        Type of the key.

    Yields
    ------
    type
        Models, in the order in which the type names them.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from section_types(part)
