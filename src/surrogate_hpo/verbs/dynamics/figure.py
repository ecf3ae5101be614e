"""Radial distribution of a trajectory beside that of a reference."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import BLUE, GREY, ORANGE
from surrogate_hpo.report.style import new_figure, styled

Rows = Sequence[dict[str, float | None]]


@styled
def draw_rdf(
    rows: Rows, *, half_width: float, names: Sequence[str] = ("surrogate", "reference")
) -> Figure:
    """Draw g(r) with bands of its standard error where it is known.

    Parameters
    ----------
    rows
        Of rdf.csv.
    half_width
        Half the smallest width of the cell, Å, beyond which images are counted.
    names
        Columns that are drawn, each with one of its standard error.

    Returns
    -------
    Figure
        The drawing.
    """
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    distance = _column(rows, "distance_angstrom")
    axes.axhline(1, color=GREY, lw=0.8, zorder=0)
    if half_width < distance[-1]:
        axes.axvline(half_width, color=GREY, lw=0.8, ls=":", label="half the width of the cell")
    for name, colour, line in zip(names, (BLUE, ORANGE), ("-", "--"), strict=False):
        values, errors = _column(rows, name), _column(rows, f"{name}_standard_error")
        if np.isnan(values).all():
            continue
        axes.plot(distance, values, line, color=colour, label=name)
        if not np.isnan(errors).all():
            axes.fill_between(
                distance, values - errors, values + errors, color=colour, alpha=0.25, lw=0
            )
    axes.set_xlim(0, distance[-1])
    axes.set_ylim(bottom=0)
    axes.set(xlabel="distance (Å)", ylabel="radial distribution g(r)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _column(rows: Rows, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([row[name] for row in rows], np.float64)  # None becomes NaN
