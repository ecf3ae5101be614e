"""Groups of snapshots: cells of several sizes and shapes, temperatures and strains in one split."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Self, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator

from surrogate_hpo.config.base import FileName, PositiveFloat, PositiveInt, Section
from surrogate_hpo.dft.spread import cycled, spread
from surrogate_hpo.stages.snapshots.settings_cells import CellChanges, CellSettings

Number = TypeVar("Number", int, float)
Strain = Annotated[float, Field(gt=-50, lt=50)]
_GENERATING = ("cell", "supercell_atoms", "shapes", "strain_percent", "random_strain_percent")
_SHAPES = 4
# Axes of the low-discrepancy sequence.
_TEMPERATURE_AXIS, _STRAIN_AXIS = 0, 1


class _Range(Section):
    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum > self.maximum:
            msg = "`minimum` must not exceed `maximum`"
            raise ValueError(msg)
        return self


class TemperatureRange(_Range):
    """Temperatures that fill a range evenly."""

    minimum: PositiveFloat
    maximum: PositiveFloat


class StrainRange(_Range):
    """Strains that fill a range evenly."""

    minimum: Strain
    maximum: Strain


def _form(value: object) -> str:
    """Which of the forms of a key is meant, so that a fault is told of that one alone."""
    if isinstance(value, dict | Section):
        return "range"
    return "list" if isinstance(value, list) else "number"


Temperatures = Annotated[
    Annotated[PositiveFloat, Tag("number")]
    | Annotated[list[PositiveFloat], Field(min_length=1), Tag("list")]
    | Annotated[TemperatureRange, Tag("range")],
    Discriminator(_form),
]
Strains = Annotated[
    Annotated[Strain, Tag("number")]
    | Annotated[list[Strain], Field(min_length=1), Tag("list")]
    | Annotated[StrainRange, Tag("range")],
    Discriminator(_form),
]
# Shapes of supercells are listed before the most compact ones are taken.
_Atoms = Annotated[int, Field(gt=0, le=10_000)]
AtomNumbers = Annotated[
    Annotated[_Atoms, Tag("number")] | Annotated[list[_Atoms], Field(min_length=1), Tag("list")],
    Discriminator(_form),
]


@dataclass(frozen=True)
class SnapshotPlan:
    """What makes one snapshot.

    Attributes
    ----------
    source
        `file@index`, a finished calculation, or the method that generates it.
    cell
        The cell at rest, if it is generated.
    temperature_kelvin
        Of the ions; of own files what the config says, if it does.
    strain_percent
        Change of all lengths of the cell at rest.
    random_strain_percent
        Standard deviation of a random strain of the cell at rest, beside the change of its lengths.
    supercell_atoms
        Number of atoms of a supercell of the primitive cell, instead of the cell as it is.
    shape
        Which of its most compact shapes, from 0; beyond the last it is counted again from 0.
    grouped
        Whether a group says so.
    """

    source: str
    cell: CellSettings | None = None
    temperature_kelvin: float | None = None
    strain_percent: float | None = None
    random_strain_percent: float | None = None
    supercell_atoms: int | None = None
    shape: int | None = None
    grouped: bool = False

    def deciding(self) -> dict[str, Any]:
        """What a group decides of the snapshot, as plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "grouped"}
        cell = {} if self.cell is None else {"cell": self.cell.model_dump(mode="json")}
        return {key: value for key, value in values.items() if value is not None} | cell


class GroupSettings(Section):
    """Snapshots of one kind; those of a split follow each other in the order of its groups."""

    number: PositiveInt | None = Field(None, description="how many are generated")
    files: list[FileName] | None = Field(
        None, min_length=1, description="own structures instead, as for method `files`"
    )
    cell: CellChanges | None = Field(
        None, description="keys that replace those of `snapshots.cell`"
    )
    supercell_atoms: AtomNumbers | None = Field(
        None,
        description="number of atoms, or several in turn: supercells of the primitive cell in "
        "varied shapes",
    )
    shapes: PositiveInt | None = Field(
        None,
        description="how many of the most compact shapes of a supercell are taken in turn; 4 by "
        "default, and all where there are fewer",
    )
    temperature_kelvin: Temperatures | None = Field(
        None,
        description="a number, several in turn, or a range that is evenly filled; by default "
        "`snapshots.temperature_kelvin`; of own structures a number that is recorded with them",
    )
    strain_percent: Strains | None = Field(
        None,
        description="change of all lengths of the cell at rest: a number, several in turn, or a "
        "range that is evenly filled",
    )
    random_strain_percent: float | None = Field(
        None,
        gt=0,
        le=10,
        description="standard deviation of the components of a random strain of each cell at rest, "
        "which changes its angles, too",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(self.problems()):
            raise ValueError("; ".join(found))
        return self

    def problems(self) -> Iterator[str]:
        """What does not fit together, a sentence each."""
        if (self.number is None) == (self.files is None):
            yield "give either `number` (generated snapshots) or `files` (own ones)"
        if self.files is not None:
            idle = [key for key in _GENERATING if getattr(self, key) is not None]
            if idle:
                yield f"of own `files` nothing is generated: leave out {', '.join(idle)}"
            if not isinstance(self.temperature_kelvin, float | int | None):
                yield "`temperature_kelvin` of own `files` is one number"
        if self.supercell_atoms is None and self.files is None and self.shapes is not None:
            yield "`shapes` are those of supercells: give `supercell_atoms`"
        repeated = self.cell is not None and self.cell.repeat is not None
        if self.supercell_atoms is not None and repeated:
            yield "give either `supercell_atoms` or `cell.repeat`"

    @property
    def label(self) -> float | None:
        """Temperature of own structures, if it is said, K."""
        given = self.temperature_kelvin
        return given if isinstance(given, float | int) else None

    def generated(
        self, method: str, cell: CellSettings, temperature_kelvin: float
    ) -> Iterator[SnapshotPlan]:
        """Plans of the generated snapshots; each depends on its place alone, not on their number.

        Parameters
        ----------
        method
            That generates them.
        cell
            `snapshots.cell`.
        temperature_kelvin
            `snapshots.temperature_kelvin`.

        Yields
        ------
        SnapshotPlan
            One after the other.

        Raises
        ------
        ValueError
            If the cell with this group's changes is not consistent.
        """
        own = cell if self.cell is None else self.cell.applied_to(cell)
        atoms = _several(self.supercell_atoms)
        shapes = self.shapes or _SHAPES if atoms else 1
        series = (_several(self.temperature_kelvin), _several(self.strain_percent))
        lengths = (len(atoms) or 1, shapes, *(len(values) or 1 for values in series))
        for index in range(self.number or 0):
            size, shape, *places = cycled(index, lengths)
            temperature = _value(self.temperature_kelvin, index, places[0], _TEMPERATURE_AXIS)
            yield SnapshotPlan(
                source=method,
                cell=own,
                temperature_kelvin=temperature_kelvin if temperature is None else temperature,
                strain_percent=_value(self.strain_percent, index, places[1], _STRAIN_AXIS),
                random_strain_percent=self.random_strain_percent,
                supercell_atoms=atoms[size] if atoms else None,
                shape=shape if atoms else None,
                grouped=True,
            )


def temperature_of(given: Temperatures, index: int) -> float:
    """Temperature of one of a series, K: of several in turn, of a range evenly spread."""
    values = _several(given)
    place = index % (len(values) or 1)
    return float(_value(given, index, place, _TEMPERATURE_AXIS) or 0.0)


def _several(value: Number | list[Number] | _Range | None) -> Sequence[Number]:
    """The values of a key that is a number or a list; none of a range."""
    if value is None or isinstance(value, _Range):
        return ()
    return value if isinstance(value, list) else [value]


def _value(
    given: float | list[float] | _Range | None, index: int, place: int, axis: int
) -> float | None:
    if isinstance(given, _Range):
        share = spread(index, axis)
        return round(given.minimum + share * (given.maximum - given.minimum), 3)
    values = _several(given)
    return values[place] if values else None
