"""Write a pseudopotential file of the published numbers of an analytic one (HGH, GTH)."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.formats.upf.writer import hgh_upf
from surrogate_hpo.run.interface import Output, Positional, require_option
from surrogate_hpo.verbs.potential.rows import read_hgh_row


def potential(
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
