"""Every training-free score against the error of trained networks, one panel per score."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, SymmetricalLogLocator
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.report.palette import MARKERS, SERIES
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    scale_for,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

Interval = tuple[float, float, float]
COLUMNS = 2


def score_agreement_table(
    *,
    score: Sequence[str],
    architecture: Sequence[str],
    activation: Sequence[str],
    value: ArrayLike,
    error: ArrayLike,
) -> FigureTable:
    """Collect the points, one row per score and architecture.

    Parameters
    ----------
    score
        Name of the score.
    architecture
        What was scored and trained.
    activation
        Of the architecture.
    value
        The score; NaN where it was rejected.
    error
        Validation loss of the scaled LDOS after training; +inf where it diverged.

    Returns
    -------
    FigureTable
        Columns ``score``, ``architecture``, ``activation``, ``value``, ``error``.
    """
    return FigureTable(
        (
            word_column("score", "score", score),
            word_column("architecture", "architecture", architecture),
            word_column("activation", "activation", activation),
            number_column("value", "value of the score", "", np.asarray(value, float)),
            number_column("error", "error after training", "", np.asarray(error, float)),
        )
    )


@styled
def draw_score_agreement(
    table: FigureTable, *, labels: Mapping[str, str], tau: Mapping[str, Interval]
) -> Figure:
    """Draw one panel per score, a marker and colour per activation; all share the error's axis.

    Parameters
    ----------
    table
        The points.
    labels
        Name of each score for people, in the order of the panels.
    tau
        Kendall's τ with the error of each score, and the ends of its interval.

    Returns
    -------
    Figure
        The drawing.
    """
    require_rows(table, "score_agreement")
    rows = -(-len(labels) // COLUMNS)
    figure = new_figure(0.9 + 2.25 * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True)
    names, activation = np.array(table.words("score")), np.array(table.words("activation"))
    value, error = table.numbers("value"), table.numbers("error")
    kinds = sorted(set(activation.tolist()))
    for axes, (name, label) in zip(grid.flat, labels.items(), strict=False):
        own = names == name
        axes.set(yscale="log", ylim=log_limits(error))
        _set_score_axis(axes, value[own])
        for number, kind in enumerate(kinds):
            here = own & (activation == kind)
            axes.plot(
                value[here],
                error[here],
                MARKERS[number],
                ms=4.5,
                color=SERIES[number],
                alpha=0.85,
                label=kind,
            )
        _mark_diverged(axes, value[own & np.isinf(error)])
        axes.set_title(f"{label}\n{_interval(tau[name])}", weight="normal", fontsize=8.5)
        axes.set_xlabel("score", fontsize=9)
    for axes in list(grid.flat)[len(labels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("error (scaled)", fontsize=9)
        set_decades(axes.yaxis)
    handles, words = grid.flat[0].get_legend_handles_labels()
    known = dict(zip(words, handles, strict=True))
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=3)
    return figure


def _set_score_axis(axes: Axes, values: NDArray[np.float64]) -> None:
    """Scale the axis so that scores over decades can be told apart."""
    scale = scale_for(values)
    if scale == "log":
        axes.set(xscale="log", xlim=log_limits(values))
        set_decades(axes.xaxis)
        # The panels are narrow, and a logarithmic axis spans a power of ten or more.
        axes.xaxis.set_major_locator(LogLocator(numticks=5))
    elif scale == "symlog":
        sizes = np.abs(values[np.isfinite(values) & (values != 0)])
        threshold = float(np.quantile(sizes, 0.05))
        axes.set_xscale("symlog", linthresh=threshold)
        set_decades(axes.xaxis, scale)
        locator = SymmetricalLogLocator(base=10, linthresh=threshold)
        locator.set_params(numticks=5)
        axes.xaxis.set_major_locator(locator)


def _mark_diverged(axes: Axes, values: NDArray[np.float64]) -> None:
    if values.size:
        axes.plot(
            values,
            np.full(values.shape, 0.97),
            "x",
            color="black",
            ms=6,
            transform=axes.get_xaxis_transform(),
            label="diverged",
        )


def _interval(tau: Interval) -> str:
    if not np.isfinite(tau[0]):
        return "τ undefined"
    value, low, high = (f"{number:+.2f}".replace("-", "−") for number in tau)
    return f"τ = {value} [{low}, {high}]"


def score_agreement(
    *,
    score: Sequence[str],
    architecture: Sequence[str],
    activation: Sequence[str],
    value: ArrayLike,
    error: ArrayLike,
    labels: Mapping[str, str],
    tau: Mapping[str, Interval],
) -> DrawnFigure:
    """Draw the audit of all scores; parameters as of the table and the drawing."""
    table = score_agreement_table(
        score=score, architecture=architecture, activation=activation, value=value, error=error
    )
    title = (
        f"{len(labels)} scores of {len(set(architecture))} architectures against the error after "
        "a brief training."
    )
    draw = partial(draw_score_agreement, table, labels=labels, tau=tau)
    return drawn("score_agreement", title, draw, table)
