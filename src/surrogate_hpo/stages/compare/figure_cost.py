"""Error of the networks that search methods find, against what the search costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import INK, MARKERS, SERIES
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

_FIXED_COLUMNS = 4
_LABEL_CHARACTERS = 22


@dataclass(frozen=True)
class CostPanel:
    """One panel: the same errors against one way to count the cost.

    Attributes
    ----------
    name
        Machine name of the cost, unit included.
    title
        What is counted, over the panel.
    seconds
        The cost per method.
    """

    name: str
    title: str
    seconds: Sequence[float]


def compare_cost_table(
    *,
    method: Sequence[str],
    mae: ArrayLike,
    std: ArrayLike,
    floor: float,
    panels: Sequence[CostPanel],
) -> FigureTable:
    """Collect errors and costs, one row per method.

    Parameters
    ----------
    method
        Name per method, for people.
    mae
        Mean absolute error of the total free energy, averaged over initialisations, meV/atom.
    std
        Its standard deviation over initialisations, meV/atom: the antennas.
    floor
        The same error of the reference LDOS, meV/atom.
    panels
        Costs, in s.

    Returns
    -------
    FigureTable
        Columns ``method``, ``mae_mev_per_atom``, ``std_over_initialisations_mev_per_atom``,
        ``floor_mev_per_atom`` and one per panel.

    Raises
    ------
    DataError
        If a cost is not positive: it has no place on a logarithmic axis.
    """
    unit = "meV/atom"
    errors = np.asarray(mae, float)
    for panel in panels:
        if not np.all(np.asarray(panel.seconds, float) > 0):
            raise DataError(
                "a search that costs nothing cannot be drawn",
                where=f"figure of {panel.name}",
                expected="positive numbers",
                got=", ".join(f"{seconds:g}" for seconds in panel.seconds),
            )
    return FigureTable(
        (
            word_column("method", "method", method),
            number_column("mae_mev_per_atom", "MAE", unit, errors),
            number_column(
                "std_over_initialisations_mev_per_atom",
                "std over initialisations",
                unit,
                np.asarray(std, float),
            ),
            number_column("floor_mev_per_atom", "floor", unit, np.full_like(errors, floor)),
            *(
                number_column(panel.name, panel.title, "s", np.asarray(panel.seconds, float))
                for panel in panels
            ),
        )
    )


@styled
def draw_compare_cost(table: FigureTable, *, cost_label: str) -> Figure:
    """Draw one panel per cost, with a common axis of errors.

    Parameters
    ----------
    table
        As made by `compare_cost_table`.
    cost_label
        Name of the cost with its unit, under each panel.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    require_rows(table, "compare_cost")
    costs = table.columns[_FIXED_COLUMNS:]
    figure = new_figure(3.6 + 0.2 * ((len(table) + 1) // 2))
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, column in zip(panels, costs, strict=True):
        _draw_panel(axes, table, column.name)
        axes.set_title(column.label, weight="normal", size=9.5)
        axes.set_xlabel(fill(cost_label, _LABEL_CHARACTERS))
    panels[0].set_ylabel("MAE, total free energy (meV/atom)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, columnspacing=1.2)
    return figure


def _draw_panel(axes: Axes, table: FigureTable, cost: str) -> None:
    mae = table.numbers("mae_mev_per_atom")
    std = table.numbers("std_over_initialisations_mev_per_atom")
    floor = float(table.numbers("floor_mev_per_atom")[0])
    seconds = table.numbers(cost)
    axes.set(xscale="log", xlim=log_limits(seconds))
    for number, label in enumerate(table.words("method")):
        colour = SERIES[number % len(SERIES)]
        again = number // len(SERIES)  # a second round of colours has other markers, unfilled
        axes.errorbar(
            seconds[number],
            mae[number],
            yerr=std[number],
            fmt=MARKERS[(number + again) % len(MARKERS)],
            ms=6.5,
            mfc="white" if again else colour,
            mec=colour if again else INK,
            mew=1.6 if again else 0.6,
            color=colour,
            elinewidth=1.2,
            label=label,
        )
    axes.axhline(floor, color=INK, lw=1, ls=(0, (4, 2)), label="floor (reference LDOS)")
    top = float(np.nanmax(np.append(mae + np.nan_to_num(std), floor)))
    axes.set_ylim(0, 1.08 * top)
    set_decades(axes.xaxis)


def compare_cost(
    *,
    name: str,
    title: str,
    cost_label: str,
    method: Sequence[str],
    mae: ArrayLike,
    std: ArrayLike,
    floor: float,
    panels: Sequence[CostPanel],
) -> DrawnFigure:
    """Draw errors against costs.

    Parameters
    ----------
    name
        Name of the figure.
    title
        What it shows, in a sentence.
    cost_label
        Under each panel, with its unit.
    method
        As in `compare_cost_table`.
    mae
        As there.
    std
        As there.
    floor
        As there.
    panels
        As there.

    Returns
    -------
    DrawnFigure
        Picture and table.
    """
    table = compare_cost_table(method=method, mae=mae, std=std, floor=floor, panels=panels)
    return drawn(name, title, partial(draw_compare_cost, table, cost_label=cost_label), table)
