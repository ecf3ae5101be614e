"""Write a pseudopotential file of the published numbers of an analytic one (HGH, GTH)."""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from ase.data import atomic_numbers
from pydantic import Field, ValidationError, field_validator, model_validator

from surrogate_hpo.config.base import PositiveFloat, PositiveInt, Section
from surrogate_hpo.config.load import listed_faults, read_mapping
from surrogate_hpo.descriptors.elements import check_symbol
from surrogate_hpo.dft.hgh import HghChannel, HghParameters
from surrogate_hpo.dft.hgh_checks import check_on_grid
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.run.interface import Output, Positional, require_option

# In hartree; the largest of the published tables is below 200.
Strength = Annotated[float, Field(ge=-1000, le=1000)]


class Channel(Section):
    """One angular momentum of the nonlocal part: its radius and strengths."""

    r: PositiveFloat
    h: list[Strength] | list[list[Strength]] = Field(min_length=1, max_length=3)

    @field_validator("h")
    @classmethod
    def _is_a_matrix(cls, h: list[float] | list[list[float]]) -> list[float] | list[list[float]]:
        rows = [row for row in h if isinstance(row, list)]
        square = all(len(row) == len(rows) for row in rows)
        if not square or rows != [list(column) for column in zip(*rows, strict=True)]:
            msg = "either the diagonal, [h11, h22], or all rows of a symmetric matrix"
            raise ValueError(msg)
        if not np.any(h):
            msg = "all strengths are zero: leave this channel out"
            raise ValueError(msg)
        return h

    def with_momentum(self, momentum: int) -> HghChannel:
        """The channel as numerics know it."""
        h = np.array(self.h)
        if h.ndim == 1:
            return HghChannel(momentum, self.r, tuple(h.tolist()))
        above = h[np.triu_indices(len(h), k=1)]
        return HghChannel(momentum, self.r, tuple(np.diag(h).tolist()), tuple(above.tolist()))


class Channels(Section):
    """The nonlocal part; the paper has no multiples of the diagonal for f."""

    s: Channel | None = None
    p: Channel | None = None
    d: Channel | None = None
    f: Channel | None = None

    @field_validator("f")
    @classmethod
    def _is_whole(cls, channel: Channel | None) -> Channel | None:
        if channel is not None and len(channel.h) > 1 and not isinstance(channel.h[0], list):
            msg = "the paper has no off-diagonal strengths of f: give all rows of the matrix"
            raise ValueError(msg)
        return channel


class HghRow(Section):
    """A row of the table; lengths in bohr, energies in hartree."""

    element: str
    z_valence: PositiveInt
    r_local: PositiveFloat
    c: list[Strength] = Field(min_length=1, max_length=4)
    channels: Channels = Channels()
    functional: Literal["lda_pz", "lda_pw92", "pbe", "pbesol"] = "lda_pw92"
    source: str | None = None

    @field_validator("element")
    @classmethod
    def _is_one(cls, symbol: str) -> str:
        try:
            check_symbol(symbol, where="element")
        except ConfigError as error:
            raise ValueError(" ".join(str(error).split())) from error
        return symbol

    @field_validator("source")
    @classmethod
    def _is_text(cls, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(r"[^<>&\x00-\x1f\x7f]{1,500}", text):
            msg = "source is one line of at most 500 characters, without < > &"
            raise ValueError(msg)
        return text

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.z_valence > atomic_numbers[self.element]:
            msg = f"z_valence: {self.element} has {atomic_numbers[self.element]} electrons in all"
            raise ValueError(msg)
        if self.functional != "lda_pw92" and self.source is None:
            msg = "source: say where it was published; the paper's own table is of lda_pw92"
            raise ValueError(msg)
        return self

    def parameters(self) -> HghParameters:
        """The row as numerics know it."""
        given = (self.channels.s, self.channels.p, self.channels.d, self.channels.f)
        channels = tuple(c.with_momentum(i) for i, c in enumerate(given) if c is not None)
        return HghParameters(self.element, self.z_valence, self.r_local, tuple(self.c), channels)


def read_hgh_row(path: Path) -> HghRow:
    """Read and check the row of a file.

    Parameters
    ----------
    path
        YAML or JSON with the keys of :class:`HghRow`.

    Returns
    -------
    HghRow
        A row that the radial grid holds.

    Raises
    ------
    ConfigError
        If the file cannot be read, or listing every fault of it.
    """
    try:
        row = HghRow.model_validate(
            read_mapping(path, kind="file of a potential's numbers", example="Na.yaml")
        )
    except ValidationError as error:
        count, lines = listed_faults(error, HghRow)
        raise ConfigError(
            f"the numbers of the potential have {count}:\n{lines}",
            where=str(path),
            remedy="docs/howto/another-element.md shows a file",
        ) from error
    check_on_grid(row.parameters(), where=str(path))
    return row


def pseudopotential(
    numbers: Annotated[Path, Positional("YAML or JSON with a row of the table; bohr, hartree")],
    *,
    output: Annotated[Path, Output("the file, UPF version 2")],
) -> str:
    """Write a norm-conserving pseudopotential, UPF version 2, from a row of a published table.

    The numbers are those of Hartwigsen, Goedecker and Hutter, or of others in their form (GTH).
    Refuses what cannot be such a row, and reads the file back before it takes its place. See
    docs/howto/another-element.md.
    """
    require_option(not output.is_dir(), "output", "a file, not a folder", output)
    require_option(output.resolve() != numbers.resolve(), "output", "another file", output)
    row = read_hgh_row(numbers)
    parameters = row.parameters()
    text = hgh_upf(parameters, functional=row.functional, source=row.source)
    with replacing(output) as new:
        new.write_text(text, encoding="utf-8")
        read = read_upf(new)
        found = (read.element, read.z_valence, read.functional)
        expected = (row.element, row.z_valence, row.functional)
        if found != expected:
            raise DataError(
                "the written pseudopotential does not read back as it was given",
                where=str(output),
                expected=str(expected),
                got=str(found),
            )
    channels = parameters.channels
    projectors = " ".join("spdf"[c.angular_momentum] for c in channels for _ in c.strengths)
    return (
        f"{output}: {row.element}, z_valence {row.z_valence}, {row.functional}, "
        f"projectors: {projectors or 'none'}"
    )
