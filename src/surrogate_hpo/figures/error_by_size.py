"""Error against number of atoms: whether what was learnt holds on larger cells."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.figures.class_errors import ClassError, class_errors_table
from surrogate_hpo.figures.palette import BLUE, GREEN, GREY, MARKERS, ORANGE
from surrogate_hpo.figures.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.figures.table import FigureTable, format_value, require_rows

_LINES = (
    ("ensemble_mae_mev_per_atom", "surrogate (mean of the networks)", BLUE, "-"),
    ("baseline_mev_per_atom", "baseline (a constant)", GREY, (0, (5, 3))),
    ("discretisation_error_mev_per_atom", "floor (reference LDOS)", ORANGE, (0, (1, 1))),
    ("control_mae_mev_per_atom", "control (linear potential)", GREEN, (0, (4, 1, 1, 1))),
)


@styled
def draw_error_by_size(table: FigureTable, *, label: str) -> Figure:
    """Draw surrogate, baseline, floor and control, both axes logarithmic, a marker per temperature.

    Parameters
    ----------
    table
        As `class_errors_table` gives it.
    label
        The quantity for people.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "error_by_size")
    atoms, temperatures = table.numbers("atoms"), table.numbers("temperature_kelvin")
    # NaN is not equal to itself, and a temperature that is not known is one of them.
    kinds = np.nan_to_num(temperatures, nan=-1.0)
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    values = np.concatenate([table.numbers(name) for name, *_ in _LINES])
    axes.set(xscale="log", yscale="log", xlim=log_limits(atoms), ylim=log_limits(values))
    several = len(np.unique(kinds)) > 1
    for marker, kind in zip(
        np.resize(MARKERS, len(np.unique(kinds))), np.unique(kinds), strict=True
    ):
        members = kinds == kind
        suffix = f", {format_value(float(kind)) if kind >= 0 else '?'} K" if several else ""
        for name, words, colour, dashes in _LINES:
            errors = table.numbers(name)[members]
            if np.isfinite(errors).any():
                axes.plot(
                    atoms[members], errors, ls=dashes, marker=marker, color=colour, lw=1.6, ms=6,
                    label=words + suffix,
                )  # fmt: skip
    set_decades(axes.xaxis)
    set_decades(axes.yaxis)
    axes.set_xticks(np.unique(atoms), [f"{number:.0f}" for number in np.unique(atoms)], minor=False)
    axes.set(xlabel="atoms per cell", ylabel=f"{label}, MAE (meV/atom)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def error_by_size(classes: Sequence[ClassError]) -> DrawnFigure:
    """Draw the errors of one quantity against the number of atoms, see `class_errors_table`."""
    table = class_errors_table(classes)
    label = classes[0].error.label
    title = f"Error of the {label} against the number of atoms."
    return drawn("error_by_size", title, partial(draw_error_by_size, table, label=label), table)
