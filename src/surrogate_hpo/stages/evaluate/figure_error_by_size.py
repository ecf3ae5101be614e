"""Error against number of atoms: whether what was learnt holds on larger cells."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from surrogate_hpo.report.errors import ClassError, class_errors_table
from surrogate_hpo.report.palette import BLUE, GREEN, GREY, INK, MARKERS, ORANGE, PURPLE
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, require_rows

_LINES = (
    ("ensemble_mae_mev_per_atom", "surrogate", BLUE, "-"),
    ("baseline_mev_per_atom", "baseline (a constant)", GREY, (0, (5, 3))),
    ("discretisation_error_mev_per_atom", "floor (reference LDOS)", ORANGE, (0, (1, 1))),
    ("control_mae_mev_per_atom", "control (linear potential)", GREEN, (0, (4, 1, 1, 1))),
    ("kpoint_noise_mev_per_atom", "k noise of the labels", PURPLE, (0, (2, 2))),
)


@styled
def draw_error_by_size(table: FigureTable, *, label: str) -> Figure:
    """Draw the errors, both axes logarithmic, a marker per temperature.

    Surrogate, baseline and floor, and where they are known control and k noise.

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
    lines = [line for line in _LINES if table.has_numbers(line[0])]
    values = np.concatenate([table.numbers(name) for name, *_ in lines])
    axes.set(xscale="log", yscale="log", xlim=log_limits(atoms), ylim=log_limits(values))
    markers = dict(zip(np.unique(kinds).tolist(), cycle(MARKERS), strict=False))
    for kind, marker in markers.items():
        members = kinds == kind
        for name, _, colour, dashes in lines:
            errors = table.numbers(name)[members]
            # A baseline of one snapshot by itself has no error, and no place on the axis.
            errors[~(errors > 0)] = np.nan
            axes.plot(atoms[members], errors, ls=dashes, marker=marker, color=colour, lw=1.6, ms=6)
    set_decades(axes.xaxis)
    set_decades(axes.yaxis)
    axes.set_xticks(np.unique(atoms), [f"{number:.0f}" for number in np.unique(atoms)], minor=False)
    axes.set(xlabel="number of atoms", ylabel=f"{label}, MAE (meV/atom)")
    figure.legend(handles=_handles(table, markers), loc="outside lower center", ncols=2)
    return figure


def _handles(table: FigureTable, markers: Mapping[float, str]) -> list[Line2D]:
    """A line for each number, and where there are several temperatures a marker for each."""
    lines = [
        Line2D([], [], color=colour, ls=dashes, lw=1.6, label=words)
        for name, words, colour, dashes in _LINES
        if table.has_numbers(name)
    ]
    if len(markers) == 1:
        return lines
    words = {kind: f"{kind:g} K" if kind >= 0 else "temperature not known" for kind in markers}
    return lines + [
        Line2D([], [], color=INK, marker=marker, ls="", label=f"ions: {words[kind]}")
        for kind, marker in markers.items()
    ]


def error_by_size(classes: Sequence[ClassError]) -> DrawnFigure:
    """Draw the errors of one quantity against the number of atoms, see `class_errors_table`."""
    table = class_errors_table(classes)
    label = classes[0].error.label
    title = f"Error of the {label} against the number of atoms."
    return drawn("error_by_size", title, partial(draw_error_by_size, table, label=label), table)
