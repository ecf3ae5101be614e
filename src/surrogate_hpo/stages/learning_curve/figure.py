"""Error against number of training snapshots: whether more of them would help."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import BLUE, GREY, ORANGE
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows

_COLUMNS = (
    ("training_snapshots", "training snapshots", ""),
    ("dft_cpu_seconds", "their DFT, CPU time", "s"),
    ("networks", "networks", ""),
    ("ensemble_mae_mev_per_atom", "MAE, mean of the networks", "meV/atom"),
    ("mae_mev_per_atom", "MAE per network", "meV/atom"),
    ("skill", "of the baseline", ""),
    ("correlation", "correlation", ""),
    ("baseline_mev_per_atom", "baseline", "meV/atom"),
    ("discretisation_error_mev_per_atom", "floor", "meV/atom"),
)
_LINES = (
    ("ensemble_mae_mev_per_atom", "mean of the networks", BLUE, "-"),
    ("mae_mev_per_atom", "single networks", BLUE, (0, (4, 2))),
    ("baseline_mev_per_atom", "baseline (a constant)", GREY, (0, (5, 3))),
    ("discretisation_error_mev_per_atom", "floor (reference LDOS)", ORANGE, (0, (1, 1))),
)


def error_by_snapshots_table(rows: Sequence[Mapping[str, float]]) -> FigureTable:
    """Collect errors and costs, one row per number of training snapshots.

    Parameters
    ----------
    rows
        Of the learning_curve stage; NaN for what is not known.

    Returns
    -------
    FigureTable
        Columns ``training_snapshots``, ``dft_cpu_seconds``, ``networks`` and the errors of the
        total free energy.
    """
    return FigureTable(
        tuple(
            number_column(name, label, unit, [row[name] for row in rows])
            for name, label, unit in _COLUMNS
        )
    )


@styled
def draw_error_by_snapshots(table: FigureTable) -> Figure:
    """Draw the errors against the number of training snapshots, both axes logarithmic.

    Parameters
    ----------
    table
        As `error_by_snapshots_table` gives it.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "error_by_snapshots")
    snapshots = table.numbers("training_snapshots")
    figure = new_figure(4.0)
    axes = figure.add_subplot()
    values = np.concatenate([table.numbers(name) for name, *_ in _LINES])
    axes.set(xscale="log", yscale="log", xlim=log_limits(snapshots), ylim=log_limits(values))
    for name, label, colour, dashes in _LINES:
        errors = table.numbers(name)
        errors[~(errors > 0)] = np.nan
        axes.plot(snapshots, errors, ls=dashes, marker="o", color=colour, lw=1.6, label=label)
    set_decades(axes.xaxis)
    set_decades(axes.yaxis)
    axes.set_xticks(snapshots, [f"{number:.0f}" for number in snapshots], minor=False)
    axes.set(xlabel="training snapshots", ylabel="total free energy, MAE (meV/atom)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def error_by_snapshots(rows: Sequence[Mapping[str, float]]) -> DrawnFigure:
    """Draw the learning curve, see `error_by_snapshots_table`."""
    table = error_by_snapshots_table(rows)
    title = "Error of the total free energy against the number of training snapshots."
    return drawn("error_by_snapshots", title, partial(draw_error_by_snapshots, table), table)
