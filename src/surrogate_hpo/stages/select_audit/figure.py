"""Learning curves of the rules, and their DFT runs beside those of random choices."""

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import GREY, INK, MARKERS, SERIES
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

_ERROR = "energy_mae_mev_per_atom"
_RATIOS = (("dft_ratio_to_random", "DFT runs beside random"), ("low", "low"), ("high", "high"))


def rules_against_random_table(
    curves: Sequence[Mapping[str, str]], worths: Sequence[Mapping[str, str]]
) -> FigureTable:
    """Collect errors by rule and number of runs, with the rule's ratio in each of its rows.

    Parameters
    ----------
    curves
        Rows of `curves.csv` of the select_audit stage.
    worths
        Rows of `worths.csv` of the same.

    Returns
    -------
    FigureTable
        Columns ``rule``, ``dft_runs``, ``energy_mae_mev_per_atom``, ``dft_ratio_to_random``,
        ``low`` and ``high``, empty for random choices.
    """
    of = {row["rule"]: row for row in worths if row["error"] == "energy_mae"}
    ratios = [
        number_column(
            name, label, "", [float(of.get(row["rule"], {}).get(name) or "nan") for row in curves]
        )
        for name, label in _RATIOS
    ]
    return FigureTable(
        (
            word_column("rule", "rule", [row["rule"] for row in curves]),
            number_column("dft_runs", "DFT runs", "", [float(row["dft_runs"]) for row in curves]),
            number_column(_ERROR, "MAE", "meV/atom", [float(row[_ERROR]) for row in curves]),
            *ratios,
        )
    )


@styled
def draw_rules_against_random(table: FigureTable) -> Figure:
    """Draw learning curves on logarithmic axes beside ratios with intervals.

    Parameters
    ----------
    table
        As `rules_against_random_table` gives it.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "rules_against_random")
    rules = np.array(table.words("rule"))
    runs, errors = table.numbers("dft_runs"), table.numbers(_ERROR)
    ratio, low, high = (table.numbers(name) for name, _ in _RATIOS)
    figure = new_figure(4.6)
    lines, ratios = figure.subplots(1, 2, width_ratios=(3, 2))
    lines.set(xscale="log", yscale="log", xlim=log_limits(runs), ylim=log_limits(errors))
    names = [name for name in dict.fromkeys(rules) if name != "random"]
    named = rules == "random"
    lines.plot(runs[named], errors[named], color=INK, lw=3.0, label="random")
    for place, name in enumerate(names):
        of = rules == name
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        lines.plot(runs[of], errors[of], color=colour, marker=marker, ms=3, lw=1.1, label=name)
        first = int(np.flatnonzero(of)[0])
        ends = [value for value in (low[first], high[first]) if math.isfinite(value)]
        ratios.plot(ends, [-place] * len(ends), color=colour, lw=2)
        ratios.plot(ratio[first], -place, color=colour, marker=marker, ls="")
    set_decades(lines.xaxis)
    set_decades(lines.yaxis)
    lines.set(xlabel="DFT runs", ylabel="energy, MAE (meV/atom)")
    ratios.axvline(1, color=GREY, ls=(0, (5, 3)))
    ratios.set_yticks([-place for place in range(len(names))], names)
    ratios.set(xlabel="runs ÷ random", ylim=(-len(names) + 0.4, 0.6))
    # Colours and markers of the rules stand on the right.
    lines.legend(handles=lines.lines[:1])
    return figure


def rules_against_random(
    curves: Sequence[Mapping[str, str]], worths: Sequence[Mapping[str, str]]
) -> DrawnFigure:
    """Draw an audit, see `rules_against_random_table`."""
    table = rules_against_random_table(curves, worths)
    title = "Rules that choose structures against random choices, replayed."
    return drawn("rules_against_random", title, partial(draw_rules_against_random, table), table)
