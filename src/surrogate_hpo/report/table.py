"""The numbers behind a figure, as a table that a reader can check and a script can write."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError

Value = str | bool | int | float | None
"""What a table cell may hold."""


@dataclass(frozen=True)
class Column:
    """One column of a figure's table.

    Attributes
    ----------
    name
        Machine name, unit included (``cutoff_radius_angstrom``), as in the CSV header.
    label
        The same for people, without the unit.
    unit
        Unit for people (``Å``); empty for pure numbers and words.
    values
        One value per row.
    digits
        Significant digits that people are shown; a file holds all.
    """

    name: str
    label: str
    unit: str
    values: tuple[Value, ...]
    digits: int = 4


@dataclass(frozen=True)
class FigureTable:
    """Columns of equal length.

    Attributes
    ----------
    columns
        The columns, in the order in which they are shown.

    Raises
    ------
    DataError
        If two columns differ in length or share a name.
    """

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        lengths = {column.name: len(column.values) for column in self.columns}
        if len(lengths) != len(self.columns):
            raise DataError(
                "two columns of a figure's table have the same name",
                got=", ".join(column.name for column in self.columns),
            )
        if len(set(lengths.values())) > 1:
            raise DataError(
                "the columns of a figure's table differ in length",
                expected="one value per row in every column",
                got=", ".join(f"{name}: {length}" for name, length in lengths.items()),
            )

    def __len__(self) -> int:
        return len(self.columns[0].values) if self.columns else 0

    def column(self, name: str) -> Column:
        """Return the column of this machine name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def values(self, name: str) -> tuple[Value, ...]:
        """Return the values of one column."""
        return self.column(name).values

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return one column as float64; an empty cell becomes NaN."""
        return np.array(self.values(name), dtype=np.float64)

    def has_numbers(self, name: str) -> bool:
        """Whether there is such a column, with a number that is finite."""
        named = [column for column in self.columns if column.name == name]
        return bool(named) and bool(np.isfinite(self.numbers(name)).any())

    def words(self, name: str) -> list[str]:
        """Return one column as text."""
        return [str(value) for value in self.values(name)]

    def flags(self, name: str) -> NDArray[np.bool_]:
        """Return one column of yes and no as booleans."""
        return np.array(self.values(name), dtype=np.bool_)

    def rows(self) -> list[tuple[Value, ...]]:
        """Return the rows, each a tuple in column order."""
        return list(zip(*(column.values for column in self.columns), strict=True))

    def records(self) -> list[dict[str, Value]]:
        """Return the rows as mappings from machine names, as a CSV writer takes them."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows()]


def number_column(
    name: str, label: str, unit: str, values: ArrayLike, *, digits: int = 4
) -> Column:
    """Make a column of numbers.

    Parameters
    ----------
    name
        Machine name, unit included.
    label
        The same for people, without the unit.
    unit
        Unit for people.
    values
        Anything one-dimensional that numpy understands.
    digits
        Significant digits that people are shown.

    Returns
    -------
    Column
        The column.

    Raises
    ------
    DataError
        If the values are not one-dimensional.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(
            "a table column needs one value per row",
            where=name,
            expected="a one-dimensional array",
            got=f"shape {array.shape}",
        )
    return Column(name, label, unit, tuple(array.tolist()), digits)


def word_column(name: str, label: str, values: Iterable[str]) -> Column:
    """Make a column of words."""
    return Column(name, label, "", tuple(values))


def require_rows(table: FigureTable, figure: str) -> None:
    """Raise `DataError` if there is nothing to draw."""
    if len(table) == 0:
        raise DataError(
            "there is nothing to draw", where=f"figure {figure}", expected="at least one row"
        )


def format_value(value: Value, digits: int = 4) -> str:
    """Write a cell for people: so many significant digits, a dash for nothing, as NaN is."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_number(value, digits)
    return str(value).replace("-", "−") if isinstance(value, int) else value


def format_number(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits, ``2.5×10⁻⁵`` outside 10⁻³…10⁵."""
    if not np.isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        decimals = max(0, digits - 1 - int(np.floor(np.log10(abs(value)))))
        text = f"{value:.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        text = f"{mantissa}×10{superscript(int(exponent))}"
    return text.replace("-", "−")


def format_with_spread(mean: float, spread: float) -> str:
    """Write ``3.35 ± 0.09``: both to the digit that the spread makes meaningful.

    One digit of the spread is kept, two where the first is a 1. Without a spread (zero or not
    finite, as for a single seed) the mean stands alone.
    """
    if not np.isfinite(mean) or not np.isfinite(spread) or spread <= 0:
        return format_number(mean, 3)
    exponent = int(np.floor(np.log10(spread)))
    decimals = max(0, -exponent + (1 if spread / 10.0**exponent < 2 else 0))
    return f"{mean:.{decimals}f} ± {spread:.{decimals}f}".replace("-", "−")


def superscript(exponent: int) -> str:
    """Write an integer in superscript characters, which need no math typesetting."""
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
