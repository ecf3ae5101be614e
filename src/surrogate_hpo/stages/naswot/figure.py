"""Scores of the scanned architectures against their number of parameters."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import INK, MARKERS, SERIES, VERMILION
from surrogate_hpo.report.style import (
    DrawnFigure,
    Scale,
    drawn,
    log_limits,
    new_figure,
    scale_for,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import Column, FigureTable, number_column, word_column
from surrogate_hpo.scores.architectures.options import Direction


def naswot_ranking_table(
    *,
    architecture: Sequence[str],
    activation: Sequence[str],
    parameter_count: ArrayLike,
    score: ArrayLike,
    score_std: ArrayLike,
    chosen: int,
    direction: Direction,
) -> FigureTable:
    """Rank the architectures, best first; those without a finite score come last, unranked.

    Parameters
    ----------
    architecture
        Name per architecture, such as ``55-256-256-77``.
    activation
        Activation function per architecture.
    parameter_count
        Number of trainable parameters.
    score
        The score that ranks, S' = mean + std over initialisations.
    score_std
        Standard deviation over initialisations.
    chosen
        Index of the choice in the arrays as given.
    direction
        Whether a large or a small score is taken as good.

    Returns
    -------
    FigureTable
        Columns ``rank``, ``architecture``, ``activation``, ``parameter_count``, ``score``,
        ``score_std``, ``chosen``.

    Raises
    ------
    DataError
        If the choice is not an index of the arrays or has no finite score.
    """
    values = np.asarray(score, float)
    if not 0 <= chosen < values.size or not np.isfinite(values[chosen]):
        raise DataError(
            "the chosen architecture must have a finite score",
            where="figure naswot_ranking",
            expected=f"an index from 0 to {values.size - 1} of a finite score",
            got=f"index {chosen}",
        )
    sign = -1.0 if direction == "maximise" else 1.0
    order = np.argsort(np.where(np.isfinite(values), sign * values, np.inf), kind="stable")
    finite = np.isfinite(values[order])
    rank = tuple(i + 1 if ok else None for i, ok in enumerate(finite.tolist()))
    counts = np.asarray(parameter_count, int)
    return FigureTable(
        (
            Column("rank", "rank", "", rank),
            word_column("architecture", "architecture", [architecture[i] for i in order]),
            word_column("activation", "activation", [activation[i] for i in order]),
            number_column("parameter_count", "parameters", "", counts[order]),
            number_column("score", "score S'", "", values[order]),
            number_column("score_std", "std over starts", "", np.asarray(score_std, float)[order]),
            number_column("chosen", "chosen", "", order == chosen),
        )
    )


@styled
def draw_naswot_ranking(table: FigureTable, *, direction: Direction) -> Figure:
    """Draw score against parameters, one marker per activation, the choice ringed."""
    figure = new_figure(3.9)
    axes = figure.add_subplot()
    count, score, std = (table.numbers(n) for n in ("parameter_count", "score", "score_std"))
    finite = np.isfinite(score)
    axes.set(xscale="log", xlim=log_limits(count))
    scale = _set_score_axis(axes, score[finite], np.nan_to_num(std[finite], posinf=0.0))
    words = np.array(table.words("activation"))
    for number, name in enumerate(sorted(set(words.tolist()))):
        shown = finite & (words == name)
        axes.errorbar(
            count[shown],
            score[shown],
            yerr=np.nan_to_num(std[shown], posinf=0.0),
            fmt=MARKERS[number % len(MARKERS)],
            ms=5,
            lw=0,
            elinewidth=1,
            color=SERIES[number % len(SERIES)],
            label=name,
            alpha=0.85,
        )
    best = table.flags("chosen")
    axes.plot(
        count[best], score[best], "o", ms=13, mfc="none", mec=VERMILION, mew=2.2, label="chosen"
    )
    if not finite.all():
        _mark_failed(axes, count[~finite])
    axes.margins(y=0.08)
    axes.set(xlabel="number of parameters", ylabel="NASWOT score S' (dimensionless)")
    good = "larger" if direction == "maximise" else "smaller"
    axes.set_title(f"{good} scores rank first in this run", weight="normal")
    set_decades(axes.xaxis)
    if scale != "linear":
        set_decades(axes.yaxis, scale)
    figure.legend(loc="outside lower center", ncols=4, columnspacing=1.2, handletextpad=0.3)
    return figure


def _set_score_axis(axes: Axes, score: NDArray[np.float64], std: NDArray[np.float64]) -> Scale:
    """Scale the axis so that scores over decades can be told apart, bars included."""
    scale = scale_for(score)
    if scale == "log":
        # A bar that nearly reaches zero would stretch the axis over decades: it may be cut.
        lower_ends = np.fmax(score - std, score / 3)
        limits = log_limits(np.concatenate([lower_ends, score + std]))
        axes.set(yscale="log", ylim=limits)
    elif scale == "symlog":
        axes.set_yscale("symlog", linthresh=float(np.abs(score[score != 0]).min()))
    return scale


def _mark_failed(axes: Axes, count: NDArray[np.float64]) -> None:
    axes.plot(
        count,
        np.full(count.shape, 0.02),
        "x",
        color=INK,
        ms=6,
        transform=axes.get_xaxis_transform(),
        label="no finite score",
    )


def naswot_ranking(
    *,
    architecture: Sequence[str],
    activation: Sequence[str],
    parameter_count: ArrayLike,
    score: ArrayLike,
    score_std: ArrayLike,
    chosen: int,
    direction: Direction,
) -> DrawnFigure:
    """Draw the NASWOT ranking; parameters as in `naswot_ranking_table`."""
    table = naswot_ranking_table(
        architecture=architecture,
        activation=activation,
        parameter_count=parameter_count,
        score=score,
        score_std=score_std,
        chosen=chosen,
        direction=direction,
    )
    title = (
        f"NASWOT scores of {len(table)} untrained architectures; chosen: "
        f"{architecture[chosen]}, {activation[chosen]}."
    )
    return drawn(
        "naswot_ranking", title, partial(draw_naswot_ranking, table, direction=direction), table
    )
