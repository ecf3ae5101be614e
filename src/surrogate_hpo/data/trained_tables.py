"""Tables of trained networks: a CSV file, and a JSON file that says what it holds."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.search.space import Choices, SearchSpace, Value
from surrogate_hpo.search.trained_table import Configuration, TrainedRow, TrainedTable, space_of

_KEYS = ("space", "epochs", "seeds", "configurations", "scores", "table_sha256", "provenance")
_REMEDY = "let Snakemake make both files: snakemake table"


def loss_column(epochs: int) -> str:
    """Validation loss of the scaled LDOS after so many epochs, relative to its largest value."""
    return f"validation_loss_{epochs}_epochs"


def seconds_column(epochs: int) -> str:
    """Cost of a training of so many epochs, s."""
    return f"seconds_{epochs}_epochs"


def energy_column(name: str, epochs: int) -> str:
    """Mean absolute error of an energy after so many epochs, meV/atom."""
    return f"{name}_mae_mev_per_atom_{epochs}_epochs"


def score_columns(name: str) -> tuple[str, str]:
    """A score and what it took, s."""
    return f"{name}_score", f"{name}_score_seconds"


def read_trained_table(
    table: Path, description: Path, *, expected: Mapping[str, Any] | None = None
) -> TrainedTable:
    """Read a table of trained networks.

    Parameters
    ----------
    table
        CSV of the table stage.
    description
        JSON of the same job.
    expected
        What should have made it: some of `trainings_code`, `settings`, `seed` and `inputs`; nothing
        is compared if left out.

    Returns
    -------
    TrainedTable
        All configurations, diverged ones with infinite losses.

    Raises
    ------
    DataError
        A file is missing or damaged; the two do not belong together; columns, rows or cells are
        missing; or the table was made by other code or from other data than expected.
    """
    found = read_document(description, keys=_KEYS)
    made = found["provenance"] | {"trainings_code": found.get("trainings_code")}
    other = [key for key, value in (expected or {}).items() if made.get(key) != value]
    if other:
        raise DataError(
            "the table was not made by this code from these data",
            where=str(description),
            expected=f"the {', '.join(other)} of this run",
            got=f"another {', '.join(other)}",
            remedy="run snakemake table again, or use the config and code that made it",
        )
    space, epochs = space_of(found["space"]), tuple(found["epochs"])
    scores = tuple(found["scores"])
    losses, seconds = (list(map(name, epochs)) for name in (loss_column, seconds_column))
    named = [column for name in scores for column in score_columns(name)]
    columns = ["configuration", "seed", *space, "status", *losses, *seconds, *named]
    rows = read_table(table, columns=columns)
    if hashlib.sha256(table.read_bytes()).hexdigest() != found["table_sha256"]:
        raise DataError(
            "the table is not the one that its description belongs to: edited, or of another run",
            where=f"{table} and {description}",
            remedy=_REMEDY,
        )
    groups = _groups(rows, found["configurations"], found["seeds"], table)
    read = [_configuration(group, space, epochs, scores, str(table)) for group in groups]
    return TrainedTable(space, epochs, tuple(read))


def _groups(
    rows: list[dict[str, str]], configurations: int, seeds: int, table: Path
) -> list[list[dict[str, str]]]:
    """Rows by configuration, all seeds of each in order."""
    wanted = [(str(n), str(seed)) for n in range(configurations) for seed in range(seeds)]
    if [(row["configuration"], row["seed"]) for row in rows] != wanted:
        raise DataError(
            "rows of the table are missing, or not in order",
            where=str(table),
            expected=f"{configurations} configurations with {seeds} seeds each",
            got=f"{len(rows)} rows",
            remedy=_REMEDY,
        )
    return [rows[n : n + seeds] for n in range(0, len(rows), seeds)]


def _configuration(
    rows: list[dict[str, str]],
    space: SearchSpace,
    epochs: Sequence[int],
    scores: Sequence[str],
    where: str,
) -> Configuration:
    def number(row: dict[str, str], column: str, *, optional: bool = False) -> float:
        """A cell; an empty one is no number, which only some may be."""
        text = row.get(column) or ""
        try:
            value = math.nan if optional and not text else float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) and not (optional and not text):
            raise DataError(
                "a cell of the table is empty or no number",
                where=f"{where}, configuration {row['configuration']}, seed {row['seed']}",
                expected=f"a number in column {column}",
                got=repr(text),
                remedy=_REMEDY,
            )
        return value

    first = rows[0]
    trained = tuple(
        TrainedRow(
            tuple(number(row, loss_column(e)) for e in epochs),
            tuple(number(row, seconds_column(e)) for e in epochs),
            tuple(
                number(row, energy_column("total_free_energy", e), optional=True) for e in epochs
            ),
        )
        for row in rows
    )
    values = {name: number(first, score_columns(name)[0], optional=True) for name in scores}
    costs = {name: number(first, score_columns(name)[1]) for name in scores}
    point = {key: _value(first[key], space, key, where) for key in space}
    return Configuration(point, trained, values, costs)


def _value(text: str, space: SearchSpace, key: str, where: str) -> Value:
    """A hyperparameter: the option that is written so, or a number of the interval."""
    dimension = space[key]
    if isinstance(dimension, Choices):
        known = {str(option): option for option in dimension.options}
        if text in known:
            return known[text]
    else:
        try:
            if (value := float(text)) in dimension:
                return value
        except ValueError:
            pass
    raise DataError(
        "a hyperparameter of the table is not in its space",
        where=f"{where}, column {key}",
        expected=repr(dimension),
        got=repr(text),
        remedy=_REMEDY,
    )
