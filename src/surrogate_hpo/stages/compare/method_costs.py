"""What each search method cost and how good its network is: one row per method."""

from collections.abc import Mapping, Sequence

import numpy as np

from surrogate_hpo.report.table import FigureTable, number_column, word_column

_NUMBERS = (
    ("search_seconds", "search", "s"),
    ("final_training_seconds", "one final training", "s"),
    ("total_seconds", "together", "s"),
    ("trainings", "trainings", ""),
    ("scores", "scores without training", ""),
    ("mae_mev_per_atom", "MAE, total free energy", "meV/atom"),
    ("std_over_initialisations_mev_per_atom", "std over initialisations", "meV/atom"),
    ("search_compute_saving", "less search than the reference", "times"),
    ("mae_ratio", "MAE over the reference's", ""),
)
METHOD_COLUMNS = ("label", *(name for name, _, _ in _NUMBERS))


def method_costs_table(rows: Sequence[Mapping[str, str]]) -> FigureTable:
    """Take what a paper shows from the rows of a comparison.

    Parameters
    ----------
    rows
        As text, with `METHOD_COLUMNS`; an empty cell is not known.

    Returns
    -------
    FigureTable
        Column ``method``, then costs and errors.
    """
    numbers = (
        number_column(name, label, unit, np.array([float(row[name] or "nan") for row in rows]))
        for name, label, unit in _NUMBERS
    )
    return FigureTable((word_column("method", "method", [row["label"] for row in rows]), *numbers))
