"""What each round chose, and the errors that it began with: one row per round."""

from collections.abc import Mapping, Sequence

import numpy as np

from surrogate_hpo.report.table import FigureTable, Value, number_column, word_column

_NUMBERS = (
    ("training_snapshots", "training snapshots", ""),
    ("energy_error_mev_per_atom", "energy error", "meV/atom"),
    ("force_rmse_mev_per_angstrom", "force error, RMS", "meV/Å"),
    ("candidates", "candidates", ""),
    ("dropped", "dropped", ""),
    ("chosen", "chosen", ""),
    ("failed", "DFT failed", ""),
    ("dft_cpu_seconds", "DFT, CPU", "s"),
)


def rounds_table(rows: Sequence[Mapping[str, Value]]) -> FigureTable:
    """Take what the report shows from the rows of the rounds stage.

    Parameters
    ----------
    rows
        As its summary holds them; None is not known.

    Returns
    -------
    FigureTable
        Round, state and rule, then numbers.
    """
    words = [
        word_column(name, name, [_word(row[name]) for row in rows])
        for name in ("round", "state", "rule")
    ]
    numbers = [
        number_column(name, label, unit, np.array([_number(row[name]) for row in rows]))
        for name, label, unit in _NUMBERS
    ]
    return FigureTable((*words, *numbers))


def _word(value: Value) -> str:
    return "" if value is None else str(value)


def _number(value: Value) -> float:
    return float("nan") if value is None else float(value)
