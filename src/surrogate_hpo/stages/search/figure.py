"""The Optuna study: values per trial, the best so far, and the learning rate's effect."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.report.palette import BLUE, GREY, INK, VERMILION
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

_MARKS = {
    "complete": ("o", BLUE, BLUE, 5),
    "pruned": ("v", "none", GREY, 6),
    "failed, no value": ("x", "none", INK, 6),
    "best": ("o", "none", VERMILION, 12),
}


def search_history_table(
    *,
    trial: ArrayLike,
    value: ArrayLike,
    state: Sequence[str],
    learning_rate: ArrayLike,
    objective_unit: str,
) -> FigureTable:
    """Collect the trials and the smallest value that was complete so far.

    Parameters
    ----------
    trial
        Number per trial.
    value
        Objective per trial, to be minimised; NaN where there is none.
    state
        ``COMPLETE``, ``PRUNED`` or ``FAIL`` per trial. Only a complete trial with a finite
        value can be the best.
    learning_rate
        Learning rate per trial.
    objective_unit
        Unit of the objective.

    Returns
    -------
    FigureTable
        Columns ``trial``, ``state``, ``learning_rate``, ``value``, ``best_so_far``; sorted by
        trial.
    """
    order = np.argsort(np.asarray(trial), kind="stable")
    values = np.asarray(value, float)[order]
    states = [state[i] for i in order]
    complete = np.isfinite(values) & np.array([s == "COMPLETE" for s in states], dtype=bool)
    best = np.minimum.accumulate(np.where(complete, values, np.inf))
    best[np.isinf(best)] = np.nan
    return FigureTable(
        (
            number_column("trial", "trial", "", np.asarray(trial, int)[order]),
            word_column("state", "state", states),
            number_column(
                "learning_rate", "learning rate", "", np.asarray(learning_rate, float)[order]
            ),
            number_column("value", "objective", objective_unit, values),
            number_column("best_so_far", "best so far", objective_unit, best),
        )
    )


@styled
def draw_search_history(table: FigureTable, *, objective: str) -> Figure:
    """Draw the history above and objective against learning rate below.

    Parameters
    ----------
    table
        As made by `search_history_table`.
    objective
        Name of the objective, without its unit.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    require_rows(table, "search_history")
    figure = new_figure(5.4)
    history, rate = figure.subplots(2, 1, gridspec_kw={"height_ratios": [3, 2.2]})
    trial, value, best = (table.numbers(name) for name in ("trial", "value", "best_so_far"))
    complete = np.array([s == "COMPLETE" for s in table.words("state")]) & np.isfinite(value)
    pruned = np.isfinite(value) & ~complete
    without = ~np.isfinite(value)
    scale = scale_for(value)
    winner = np.zeros_like(complete)
    if complete.any():
        winner[np.argmin(np.where(complete, value, np.inf))] = True
    groups = {"complete": complete, "pruned": pruned, "failed, no value": without, "best": winner}
    for axes, x in ((history, trial), (rate, table.numbers("learning_rate"))):
        if scale == "log":
            axes.set(yscale="log", ylim=log_limits(value))
        if axes is rate:
            axes.set(xscale="log", xlim=log_limits(x))
        _scatter(axes, x, value, groups)
        axes.margins(0.06, 0.12)
        if scale == "log":
            set_decades(axes.yaxis)
    history.step(trial, best, where="post", color=VERMILION, lw=1.6, label="best so far", zorder=1)
    history.xaxis.set_major_locator(MaxNLocator(integer=True))
    set_decades(rate.xaxis)
    unit = table.column("value").unit
    history.set_xlabel("trial")
    rate.set_xlabel("learning rate")
    figure.supylabel(f"{objective} ({unit})" if unit else objective, size=10)
    figure.legend(*history.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _scatter(
    axes: Axes,
    x: NDArray[np.float64],
    value: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.bool_]],
) -> None:
    """Draw each group of trials in its marker; trials without a value sit at the upper edge."""
    for name, shown in groups.items():
        if not shown.any():
            continue
        marker, face, edge, size = _MARKS[name]
        valued = bool(np.isfinite(value[shown]).all())
        axes.plot(
            x[shown],
            value[shown] if valued else np.full(int(shown.sum()), 0.97),
            ls="",
            marker=marker,
            mfc=face,
            mec=edge,
            ms=size,
            mew=2.2 if name == "best" else 1.2,
            label=name,
            transform=axes.transData if valued else axes.get_xaxis_transform(),
        )


def search_history(
    *,
    trial: ArrayLike,
    value: ArrayLike,
    state: Sequence[str],
    learning_rate: ArrayLike,
    objective: str,
    objective_unit: str,
) -> DrawnFigure:
    """Draw the study; parameters as in `search_history_table` and `draw_search_history`."""
    table = search_history_table(
        trial=trial,
        value=value,
        state=state,
        learning_rate=learning_rate,
        objective_unit=objective_unit,
    )
    title = f"Optuna study of {len(table)} trials: {objective} per trial and against learning rate."
    return drawn(
        "search_history", title, partial(draw_search_history, table, objective=objective), table
    )
