"""Candidates and training in the space of principal components, and distances by class."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import GREY, INK, ORANGE, SKY, VERMILION
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column
from surrogate_hpo.selection.classes import banded, numbers_of

# What is drawn on top comes last: colour, marker, size.
_LOOKS = {
    "left": ("candidates, left", SKY, "o", 8),
    "dropped": ("candidates, dropped", GREY, "x", 14),
    "training": ("training", INK, "s", 16),
    "chosen": ("chosen", VERMILION, "D", 26),
}
_SHARES = (5, 25, 50, 75, 95)


def candidates_in_space_table(rows: Sequence[Mapping[str, str]]) -> FigureTable:
    """Collect the places of structures.

    Parameters
    ----------
    rows
        Of `space.csv` of the select stage.

    Returns
    -------
    FigureTable
        Columns ``structure``, ``status``, ``class``, ``first_component``, ``second_component``
        and ``nearest_neighbours``, the last empty for the training.
    """
    words = [
        word_column(name, label, [row[name] for row in rows])
        for name, label in (("structure", "structure"), ("status", "status"), ("class", "class"))
    ]
    numbers = [
        number_column(name, label, "", [float(row[name] or "nan") for row in rows])
        for name, label in (
            ("first_component", "first principal component"),
            ("second_component", "second principal component"),
            ("nearest_neighbours", "distance to the nearest known sites"),
        )
    ]
    return FigureTable((*words, *numbers))


@styled
def draw_candidates_in_space(table: FigureTable) -> Figure:
    """Draw places by principal components beside distances by class.

    Parameters
    ----------
    table
        As `candidates_in_space_table` gives it.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "candidates_in_space")
    status = np.array(table.words("status"))
    first, second = (table.numbers(f"{name}_component") for name in ("first", "second"))
    figure = new_figure(4.2)
    places, distances = figure.subplots(1, 2, width_ratios=(3, 2))
    for kind, (label, colour, marker, size) in _LOOKS.items():
        of = status == kind
        if of.any():
            places.scatter(
                first[of], second[of], s=size, color=colour, marker=marker, label=label, lw=0.8
            )
    places.set(xlabel="first principal component", ylabel="second principal component")
    groups, apart = banded(table.words("class")), table.numbers("nearest_neighbours")
    known = np.isfinite(apart)
    names = sorted(set(groups[known]), key=lambda name: [float(n) for n in numbers_of(name)])
    for place, name in enumerate(names):
        own = apart[known & (groups == name)]
        low, lower, middle, upper, high = np.percentile(own, _SHARES)
        distances.plot([low, high], [place, place], color=SKY, lw=1.5)
        distances.plot([lower, upper], [place, place], color=SKY, lw=7, solid_capstyle="butt")
        distances.plot([middle], [place], color=INK, marker="|", ms=9)
        taken = apart[known & (groups == name) & (status == "chosen")]
        distances.plot(taken, np.full(len(taken), place), ls="", marker="D", ms=4, color=VERMILION)
    distances.set_yticks(range(len(names)), names)
    distances.set(xlabel="distance to known", ylim=(-0.6, len(names) - 0.4))
    distances.axvline(0, color=ORANGE, lw=0.8, ls=(0, (1, 1)))
    figure.legend(*places.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def candidates_in_space(rows: Sequence[Mapping[str, str]]) -> DrawnFigure:
    """Draw a selection, see `candidates_in_space_table`."""
    table = candidates_in_space_table(rows)
    title = "Candidates for the next DFT runs and the training, by descriptors."
    return drawn("candidates_in_space", title, partial(draw_candidates_in_space, table), table)
