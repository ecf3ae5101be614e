"""Learning curves of what search methods recommend, a panel per method."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.report.palette import BLUE, GREY
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column


def compare_curves_table(
    *,
    method: Sequence[str],
    initialisation: ArrayLike,
    epoch: ArrayLike,
    validation_loss: ArrayLike,
) -> FigureTable:
    """Collect the curves, one row per method, initialisation and epoch.

    Parameters
    ----------
    method
        Name of the method per row, for people.
    initialisation
        Number of the initialisation per row.
    epoch
        Epoch per row, from 1.
    validation_loss
        Loss of the scaled LDOS per row.

    Returns
    -------
    FigureTable
        Columns ``method``, ``initialisation``, ``epoch``, ``validation_loss``.
    """
    return FigureTable(
        (
            word_column("method", "method", method),
            number_column("initialisation", "initialisation", "", np.asarray(initialisation, int)),
            number_column("epoch", "epoch", "", np.asarray(epoch, int)),
            number_column(
                "validation_loss", "validation loss", "", np.asarray(validation_loss, float)
            ),
        )
    )


@styled
def draw_compare_curves(table: FigureTable) -> Figure:
    """Draw each method's initialisations before the means of all others, on common axes."""
    require_rows(table, "compare_curves")
    methods = list(dict.fromkeys(table.words("method")))
    columns = min(2, len(methods))
    rows = -(-len(methods) // columns)
    figure = new_figure(0.9 + 1.45 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    limits = log_limits(table.numbers("validation_loss"))
    means = {name: _mean(table, name) for name in methods}
    for axes, name in zip(grid.flat, methods, strict=False):
        axes.set(yscale="log", ylim=limits)
        for epochs, mean in means.values():
            axes.plot(epochs, mean, color=GREY, lw=0.8, alpha=0.6)
        for epochs, losses in _curves(table, name):
            axes.plot(epochs, losses, color=BLUE, lw=1.2, marker="." if len(epochs) < 2 else "")
        axes.set_title(name, weight="normal", size=8.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        set_decades(axes.yaxis)
    for axes in grid.flat[len(methods) :]:
        axes.remove()
    for axes in grid.flat[max(0, len(methods) - columns) : len(methods)]:
        axes.set_xlabel("epoch of the final training")
        axes.xaxis.set_tick_params(labelbottom=True)
    figure.supylabel("validation loss (scaled LDOS)", size=10)
    handles = [
        Line2D([], [], color=BLUE, lw=1.2, label="initialisations of this method"),
        Line2D([], [], color=GREY, lw=0.8, label="means of all methods"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def _curves(table: FigureTable, method: str) -> list[Curve]:
    own = np.array(table.words("method")) == method
    number, epoch, loss = (
        table.numbers(name)[own] for name in ("initialisation", "epoch", "validation_loss")
    )
    return [(epoch[number == n], loss[number == n]) for n in np.unique(number)]


def _mean(table: FigureTable, method: str) -> Curve:
    """Mean over the initialisations that got to an epoch; some may stop early."""
    epoch = np.concatenate([epochs for epochs, _ in _curves(table, method)])
    loss = np.concatenate([losses for _, losses in _curves(table, method)])
    epochs = np.unique(epoch)
    return epochs, np.array([loss[epoch == e].mean() for e in epochs])


def compare_curves(
    *,
    method: Sequence[str],
    initialisation: ArrayLike,
    epoch: ArrayLike,
    validation_loss: ArrayLike,
) -> DrawnFigure:
    """Draw the learning curves; parameters as in `compare_curves_table`."""
    table = compare_curves_table(
        method=method, initialisation=initialisation, epoch=epoch, validation_loss=validation_loss
    )
    count = len(set(method))
    title = f"Learning curves of the final trainings that {count} search methods recommend."
    return drawn("compare_curves", title, partial(draw_compare_curves, table), table)
