"""The `snapshots` section: which atomic configurations, and how they are split."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from surrogate_hpo import limits
from surrogate_hpo.config.base import SPLITS, FileName, PositiveFloat, PositiveInt, Section, Split
from surrogate_hpo.config.frames import count_frames, expand_frames, file_of, frame_problems
from surrogate_hpo.stages.snapshots.settings_cells import CellSettings
from surrogate_hpo.stages.snapshots.settings_groups import GroupSettings, SnapshotPlan

_KEYS_OF_METHOD = {
    "debye_waller_b_angstrom2": "displacements",
    "debye_waller_temperature_kelvin": "displacements",
    "time_step_femtosecond": "molecular_dynamics",
    "equilibration_steps": "molecular_dynamics",
}


def _form(value: object) -> str:
    """Which of the forms of a split is meant, so that a fault is told of that one alone."""
    if not isinstance(value, list):
        return "number"
    return "groups" if any(isinstance(v, dict | GroupSettings) for v in value) else "files"


Source = Annotated[
    Annotated[int, Field(ge=0), Tag("number")]
    | Annotated[list[FileName], Tag("files")]
    | Annotated[list[GroupSettings], Tag("groups")],
    Discriminator(_form),
]


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
    training: Source = Field(
        ..., description="number of training snapshots, their sources, or groups of them"
    )
    validation: Source = Field(..., description="the same of the validation snapshots")
    test: Source = Field(..., description="the same of the held-out snapshots")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = [problem for split in SPLITS for problem in self._problems(split)]
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

    def _problems(self, split: Split) -> Iterator[str]:
        source = getattr(self, split)
        if (count := self._count(split)) > limits.SNAPSHOTS:
            yield f"`{split}` has {count:.6g} snapshots, at most {limits.SNAPSHOTS} make sense"
            return
        groups = self._groups(split)
        if self.finished and groups:
            yield f"`{split}` must be a list of finished calculations, not of groups"
        elif not self.generated and isinstance(source, int):
            yield f"`{split}` must be a list of files when method is `{self.method}`"
        elif self.generated and isinstance(source, list) and not groups:
            yield f"`{split}` must be a number or a list of groups when method is `{self.method}`"
        if self.method == "files" and any(group.files is None for group in groups):
            yield f"`{split}`: method `files` generates nothing: give `files` in each group"
        if not self.finished and isinstance(source, list):
            own = [entry for group in groups for entry in group.files or ()]
            yield from frame_problems(split, own if groups else source)

    def _count(self, split: Split) -> int:
        """Number of snapshots, before any is listed."""
        source = getattr(self, split)
        if isinstance(source, int):
            return source
        groups = self._groups(split)
        entries = [e for group in groups for e in group.files or ()] if groups else source
        return sum(group.number or 0 for group in groups) + sum(map(count_frames, entries))

    def _groups(self, split: Split) -> list[GroupSettings]:
        source = getattr(self, split)
        groups = source if isinstance(source, list) else []
        return [group for group in groups if isinstance(group, GroupSettings)]

    def idle(self) -> list[str]:
        """Keys that are set and say nothing with this method."""
        return sorted(
            key
            for key, method in _KEYS_OF_METHOD.items()
            if method != self.method and key in self.model_fields_set
        )

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
        return [f"{split}-{index:04d}" for index in range(len(self.by_split[split]))]

    def sources(self, split: Split) -> list[str]:
        """One entry per snapshot: `file@index` or a finished calculation; else the method."""
        return [plan.source for plan in self.by_split[split]]

    @cached_property
    def plans(self) -> dict[str, SnapshotPlan]:
        """What makes each snapshot, by name: training, validation, test."""
        return {
            name: plan
            for split in SPLITS
            for name, plan in zip(self.names(split), self.by_split[split], strict=True)
        }

    @cached_property
    def by_split(self) -> dict[Split, list[SnapshotPlan]]:
        """What makes each snapshot, in the order of a split's groups."""
        return {split: list(self._plans(split)) for split in SPLITS}

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy, in which what follows from the settings is found anew."""
        copied = super().model_copy(update=update, deep=deep)
        for key in ("plans", "by_split"):
            copied.__dict__.pop(key, None)
        return copied

    def _plans(self, split: Split) -> Iterator[SnapshotPlan]:
        source = getattr(self, split)
        if isinstance(source, int):
            plan = SnapshotPlan(self.method, self.cell, self.temperature_kelvin)
            yield from [plan] * source
            return
        if groups := self._groups(split):
            for group in groups:
                yield from self.plans_of(group)
            return
        for entry in source:
            frames = [entry] if self.finished else expand_frames(entry)
            yield from (SnapshotPlan(frame) for frame in frames)

    def plans_of(self, group: GroupSettings) -> Iterator[SnapshotPlan]:
        """What makes each structure of a group, in order."""
        if group.files is None and self.cell is not None:
            yield from group.generated(self.method, self.cell, self.temperature_kelvin)
        for entry in group.files or ():
            for frame in expand_frames(entry):
                yield SnapshotPlan(frame, temperature_kelvin=group.label, grouped=True)

    def all_names(self) -> list[str]:
        """Names of all snapshots: training, validation, test."""
        return list(self.plans)

    def deciding_one(self, name: str) -> dict[str, Any]:
        """The settings that decide one snapshot.

        It depends on its own source and its own place within its group, not on how many others
        there are, so enlarging a split or its last group reruns nothing that exists.
        """
        settings, plan = self.deciding_cells(), self.plan_of(name)
        if not plan.grouped:
            return settings | {"source": plan.source}
        if plan.cell is None:
            return {"method": "files"} | plan.deciding()
        return settings | plan.deciding()

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
        return self.plan_of(name).source

    def plan_of(self, name: str) -> SnapshotPlan:
        """What makes the snapshot of this name.

        Parameters
        ----------
        name
            Name of a snapshot.

        Returns
        -------
        SnapshotPlan
            Its source, cell, temperature and strain.

        Raises
        ------
        KeyError
            If the config has no snapshot of this name.
        """
        return self.plans[name]

    def cell_files(self) -> list[str]:
        """The user's file of the cell at rest, if it is no bulk crystal."""
        return [self.cell.file] if self.cell is not None and self.cell.file is not None else []

    def deciding_cells(self) -> dict[str, Any]:
        """The settings that decide thermal configurations of the cell, of whichever split."""
        return {key: value for key, value in self.deciding().items() if key not in SPLITS}

    def own_file(self, name: str) -> str | None:
        """The user's file that a snapshot comes from, unless it is a finished calculation.

        Parameters
        ----------
        name
            Name of a snapshot.

        Returns
        -------
        str or None
            Its structure, or the cell that is displaced; none of a bulk crystal.
        """
        plan = self.plan_of(name)
        return file_of(plan.source) if plan.cell is None else plan.cell.file


MINIMUM_SNAPSHOTS: dict[Split, int] = {"training": 2, "validation": 1, "test": 1}
