"""The `snapshots` section: which atomic configurations, and how they are split."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section, Triple

Split = Literal["training", "validation", "test"]
SPLITS: tuple[Split, ...] = ("training", "validation", "test")
FRAME_RANGE = re.compile(
    r"(?P<file>.+)@(?P<start>\d+)(?::(?P<stop>\d+)(?::(?P<step>0*[1-9]\d*))?)?"
)
# What looks like frames; a file may have an @ in its name.
_FRAMES = re.compile(r".+@[-\d:]*")


class CellSettings(Section):
    """The cell at rest, built by ASE or read from a file."""

    symbol: str | None = Field(None, description="element of a bulk crystal, e.g. Al")
    structure: str = Field("fcc", description="crystal structure as ASE's `bulk` names it")
    lattice_constant_angstrom: PositiveFloat | None = None
    cubic: bool = Field(True, description="conventional cubic cell instead of the primitive one")
    repeat: Triple = Field([1, 1, 1], description="supercell repetitions along the lattice vectors")
    file: str | None = Field(
        None, description="a structure file that ASE reads, instead of a bulk crystal"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.symbol is None) == (self.file is None):
            msg = "give either `symbol` (a bulk crystal) or `file` (a structure file)"
            raise ValueError(msg)
        if self.symbol is not None and self.lattice_constant_angstrom is None:
            msg = "a bulk crystal needs `lattice_constant_angstrom`"
            raise ValueError(msg)
        return self


Source = Annotated[int, Field(ge=0)] | list[str]


class SnapshotsSettings(Section):
    """Thermal configurations of a cell, or the user's own structures."""

    method: Literal["displacements", "molecular_dynamics", "files", "finished"] = Field(
        "displacements",
        description="Gaussian displacements, Langevin dynamics, own structure files, or finished "
        "DFT calculations with their LDOS",
    )
    cell: CellSettings | None = Field(
        None, description="the cell at rest; not used by `files` and `finished`"
    )
    temperature_kelvin: PositiveFloat = Field(298.0, description="temperature of the ions")
    debye_waller_b_angstrom2: PositiveFloat | None = Field(
        None,
        description="Debye-Waller factor B = 8 pi^2 <u_x^2> at `debye_waller_temperature_kelvin`",
    )
    debye_waller_temperature_kelvin: PositiveFloat = 300.0
    time_step_femtosecond: PositiveFloat = Field(2.0, description="of the molecular dynamics")
    equilibration_steps: PositiveInt = Field(
        1000, description="length of each snapshot's own trajectory of molecular dynamics"
    )
    training: Source = Field(..., description="number of training snapshots, or their sources")
    validation: Source = Field(..., description="number of validation snapshots, or their sources")
    test: Source = Field(..., description="number of held-out snapshots, or their sources")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        for split in SPLITS:
            source = getattr(self, split)
            if not self.generated and not isinstance(source, list):
                problems.append(f"`{split}` must be a list of files when method is `{self.method}`")
            if self.generated and not isinstance(source, int):
                problems.append(f"`{split}` must be a number when method is `{self.method}`")
            if self.method == "files" and isinstance(source, list):
                problems += _frame_problems(split, source)
        if self.generated and self.cell is None:
            problems.append(f"method `{self.method}` needs a `cell`")
        if self.method == "displacements" and self.debye_waller_b_angstrom2 is None:
            problems.append("method `displacements` needs `debye_waller_b_angstrom2`")
        if problems:
            raise ValueError("; ".join(problems))
        few = {s: n for s in SPLITS if (n := len(self.names(s))) < MINIMUM_SNAPSHOTS[s]}
        for split, count in few.items():
            problems.append(
                f"`{split}` has {count} snapshots, at least {MINIMUM_SNAPSHOTS[split]} needed"
            )
        if problems:
            raise ValueError("too few snapshots for the splits: " + "; ".join(problems))
        return self

    @property
    def generated(self) -> bool:
        """Whether configurations are made here, from a cell, rather than read."""
        return self.method in ("displacements", "molecular_dynamics")

    @property
    def finished(self) -> bool:
        """Whether the DFT calculations are there already."""
        return self.method == "finished"

    def names(self, split: Split) -> list[str]:
        """Names of the snapshots of one split, in order.

        The name holds split and index within the split, so enlarging one split
        leaves every other snapshot, and all that was computed for it, untouched.
        """
        return [f"{split}-{index:04d}" for index in range(len(self.sources(split)))]

    def sources(self, split: Split) -> list[str]:
        """One entry per snapshot: `file@index` or a finished calculation; else the method."""
        source = getattr(self, split)
        if isinstance(source, int):
            return [self.method] * source
        if self.finished:
            return list(source)
        return [frame for entry in source for frame in expand_frames(entry)]

    def all_names(self) -> list[str]:
        """Names of all snapshots: training, validation, test."""
        return [name for split in SPLITS for name in self.names(split)]

    def deciding_one(self, name: str) -> dict[str, Any]:
        """The settings that decide one snapshot.

        It depends on its own source, not on how many others there are, so enlarging a split
        reruns nothing that exists.
        """
        settings = self.deciding()
        for split in SPLITS:
            del settings[split]
        return settings | {"source": self.source_of(name)}

    def source_of(self, name: str) -> str:
        """Where the snapshot of this name comes from.

        Parameters
        ----------
        name
            Name of a snapshot.

        Returns
        -------
        str
            `file@index`, a finished calculation, or the method that generates it.

        Raises
        ------
        KeyError
            If the config has no snapshot of this name.
        """
        for split in SPLITS:
            names = self.names(split)
            if name in names:
                return self.sources(split)[names.index(name)]
        raise KeyError(name)


MINIMUM_SNAPSHOTS: dict[Split, int] = {"training": 2, "validation": 1, "test": 1}


def expand_frames(entry: str) -> list[str]:
    """`run.xyz@0:6:2` -> `run.xyz@0`, `run.xyz@2`, `run.xyz@4`; `run.xyz` stands for itself.

    The range is explicit because the workflow's graph must be known without opening a file.
    """
    match = FRAME_RANGE.fullmatch(entry)
    if match is None or match["stop"] is None:
        return [entry]
    frames = range(int(match["start"]), int(match["stop"]), int(match["step"] or 1))
    return [f"{match['file']}@{index}" for index in frames]


def _frame_problems(split: Split, sources: list[str]) -> Iterator[str]:
    for source in sources:
        if _FRAMES.fullmatch(source) and not FRAME_RANGE.fullmatch(source):
            yield (
                f"`{split}`: `{source}` leaves open which frames are meant; write numbers, from 0:"
                " file@7, file@0:40 or, every 50th, file@0:2000:50"
            )
        elif not expand_frames(source):
            yield f"`{split}`: the range of `{source}` is empty"


def file_of(source: str) -> str:
    """The file of `file@index`."""
    match = FRAME_RANGE.fullmatch(source)
    return match["file"] if match else source
