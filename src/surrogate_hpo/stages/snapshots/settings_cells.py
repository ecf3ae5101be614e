"""Cells at rest, and what a group of snapshots changes in them."""

import math
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from surrogate_hpo import limits
from surrogate_hpo.config.base import FileName, PositiveFloat, Section, Triple

_BULK_KEYS = ("symbol", "structure", "lattice_constant_angstrom", "cubic")

# Of ASE's `bulk`.
_NOT_CUBIC = ("hcp", "bct", "rhombohedral", "orthorhombic", "mcl")


class CellSettings(Section):
    """The cell at rest, built by ASE or read from a file."""

    symbol: str | None = Field(None, description="element of a bulk crystal, e.g. Al")
    structure: str = Field("fcc", description="crystal structure as ASE's `bulk` names it")
    lattice_constant_angstrom: PositiveFloat | None = None
    cubic: bool = Field(True, description="conventional cubic cell instead of the primitive one")
    repeat: Triple = Field([1, 1, 1], description="supercell repetitions along the lattice vectors")
    file: FileName | None = Field(
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
        if self.symbol is not None and self.structure in _NOT_CUBIC and self.cubic:
            msg = (
                f"`{self.structure}` has no cubic cell: set `cubic: false`, and `repeat` for a "
                "larger one"
            )
            raise ValueError(msg)
        if math.prod(self.repeat) > limits.ATOMS:
            msg = f"`repeat` makes more than {limits.ATOMS} cells"
            raise ValueError(msg)
        return self


class CellChanges(Section):
    """Keys that replace those of `snapshots.cell`; a `file` replaces a bulk crystal."""

    symbol: str | None = None
    structure: str | None = None
    lattice_constant_angstrom: PositiveFloat | None = None
    cubic: bool | None = None
    repeat: Triple | None = None
    file: FileName | None = None

    def applied_to(self, cell: CellSettings) -> CellSettings:
        """The cell with these changes.

        Parameters
        ----------
        cell
            `snapshots.cell`.

        Returns
        -------
        CellSettings
            The merged section.

        Raises
        ------
        ValueError
            If the merged section is not consistent.
        """
        changes = self.model_dump(exclude_none=True)
        base: dict[str, Any] = cell.model_dump()
        idle = _BULK_KEYS if self.file is not None else ("file",) if self.symbol is not None else ()
        kept = {key: value for key, value in base.items() if key not in idle}
        try:
            return CellSettings.model_validate(kept | changes)
        except ValidationError as error:
            said = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
            msg = f"`cell`: {'; '.join(said)}"
            raise ValueError(msg) from error
