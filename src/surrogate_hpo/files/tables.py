"""CSV tables: units in the header, all digits kept."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from surrogate_hpo.errors import REMAKE, DataError
from surrogate_hpo.files.atomic import write_text

Cell = str | int | float | bool | None


def write_table(
    path: Path, rows: Sequence[Mapping[str, Cell]], *, columns: Sequence[str] = ()
) -> None:
    """Write rows as CSV, atomically; what is not there (None, NaN) becomes an empty cell.

    Parameters
    ----------
    path
        The file.
    rows
        One mapping per row, all with the keys of the first.
    columns
        The header of a table that may have no rows.

    Raises
    ------
    ValueError
        If there are no rows and no columns: a table without a header tells nobody anything.
    """
    if not rows and not columns:
        msg = f"no rows for {path}"
        raise ValueError(msg)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(columns or rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    write_text(path, buffer.getvalue())


def _cell(value: Cell) -> Cell:
    return None if isinstance(value, float) and math.isnan(value) else value


def read_table(path: Path, *, columns: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read a CSV table and make sure that it has the given columns.

    Parameters
    ----------
    path
        The file.
    columns
        Columns that must be present.

    Returns
    -------
    list of dict
        One mapping of strings per row.

    Raises
    ------
    DataError
        If the file is missing or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.DictReader(handle)
            rows = list(reader)
            header = reader.fieldnames or []
    except OSError as error:
        raise DataError(
            "a table that an earlier stage writes is missing",
            where=str(path),
            got=error.strerror,
            remedy="let Snakemake make it: snakemake <that path>",
        ) from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(
            "the table is damaged",
            where=str(path),
            got=str(error),
            remedy=REMAKE,
        ) from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(
            "the table lacks columns",
            where=str(path),
            expected=", ".join(columns),
            got=", ".join(header) or "an empty file",
            remedy=REMAKE,
        )
    return rows
