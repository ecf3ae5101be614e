"""Losses of the final trainings: per epoch, and per validation snapshot in two parts."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from surrogate_hpo.report.palette import INK, SERIES
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows


def validation_losses_table(networks: Sequence[Sequence[Mapping[str, str]]]) -> FigureTable:
    """Average the losses of the validation snapshots over their points.

    Parameters
    ----------
    networks
        Per network a row per validation snapshot, as text: ``points``, ``loss`` and ``common``,
        in units of the scaled LDOS.

    Returns
    -------
    FigureTable
        A row per network: ``seed``, ``snapshots``, ``loss``, ``common``, ``rest`` and
        ``common_share``.
    """
    loss, common = (
        np.array([_mean(rows, name) for rows in networks], float) for name in ("loss", "common")
    )
    share = np.divide(common, loss, out=np.full_like(loss, np.nan), where=loss > 0)
    return FigureTable(
        (
            number_column("seed", "seed", "", np.arange(len(networks))),
            number_column("snapshots", "validation snapshots", "", [len(r) for r in networks]),
            number_column("loss", "validation loss", "", loss),
            number_column("common", "common to a snapshot", "", common),
            number_column("rest", "from point to point", "", loss - common),
            number_column("common_share", "common share", "", share, digits=3),
        )
    )


def _mean(rows: Sequence[Mapping[str, str]], name: str) -> float:
    points = [float(row["points"]) for row in rows]
    return float(np.average([float(row[name]) for row in rows], weights=points))


def learning_curves_table(
    *,
    seed: ArrayLike,
    epoch: ArrayLike,
    training_loss: ArrayLike,
    validation_loss: ArrayLike,
    used: ArrayLike,
    loss_unit: str,
) -> FigureTable:
    """Collect the histories of all seeds, one row per seed and epoch.

    Parameters
    ----------
    seed
        Seed per row.
    epoch
        Epoch per row.
    training_loss
        Loss on the training points.
    validation_loss
        Loss on the validation points.
    used
        Whether the epoch's weights are those of the trained model.
    loss_unit
        Unit of both; empty for losses of scaled LDOS.

    Returns
    -------
    FigureTable
        Columns ``seed``, ``epoch``, ``training_loss``, ``validation_loss``, ``used``.
        Sorted by seed, then epoch.
    """
    seeds, epochs = np.asarray(seed, int), np.asarray(epoch, int)
    order = np.lexsort((epochs, seeds))
    validation = np.asarray(validation_loss, float)[order]
    training = np.asarray(training_loss, float)[order]
    return FigureTable(
        (
            number_column("seed", "seed", "", seeds[order]),
            number_column("epoch", "epoch", "", epochs[order]),
            number_column("training_loss", "training loss", loss_unit, training),
            number_column("validation_loss", "validation loss", loss_unit, validation),
            number_column("used", "weights used", "", np.asarray(used, bool)[order]),
        )
    )


@styled
def draw_learning_curves(table: FigureTable) -> Figure:
    """Draw validation loss solid, training loss dashed, the epoch whose weights are used dotted."""
    require_rows(table, "learning_curves")
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    seeds = table.numbers("seed")
    columns = {n: table.numbers(n) for n in ("epoch", "training_loss", "validation_loss")}
    losses = np.concatenate([columns["training_loss"], columns["validation_loss"]])
    axes.set(yscale="log", ylim=log_limits(losses))
    for index, number in enumerate(np.unique(seeds)):
        rows, colour = seeds == number, SERIES[index % len(SERIES)]
        epoch = columns["epoch"][rows]
        axes.plot(epoch, columns["validation_loss"][rows], color=colour, lw=1.6)
        axes.plot(epoch, columns["training_loss"][rows], color=colour, lw=1, ls=(0, (4, 2)))
        used = rows & table.flags("used")
        axes.plot(columns["epoch"][used], columns["validation_loss"][used], "o", color=colour, ms=6)
    axes.margins(x=0.03)
    set_decades(axes.yaxis)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    unit = table.column("training_loss").unit
    axes.set(xlabel="epoch", ylabel=f"LDOS loss ({unit})" if unit else "LDOS loss (scaled LDOS)")
    handles = [
        Line2D([], [], color=SERIES[index % len(SERIES)], lw=2.5, label=f"seed {number:.0f}")
        for index, number in enumerate(np.unique(seeds))
    ]
    handles += [
        Line2D([], [], color=INK, lw=1.6, label="validation"),
        Line2D([], [], color=INK, lw=1, ls=(0, (4, 2)), label="training"),
        Line2D([], [], color=INK, marker="o", ls="", label="weights used"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def learning_curves(
    *,
    seed: ArrayLike,
    epoch: ArrayLike,
    training_loss: ArrayLike,
    validation_loss: ArrayLike,
    used: ArrayLike,
    loss_unit: str = "",
) -> DrawnFigure:
    """Draw the learning curves; parameters as in `learning_curves_table`."""
    table = learning_curves_table(
        seed=seed,
        epoch=epoch,
        training_loss=training_loss,
        validation_loss=validation_loss,
        used=used,
        loss_unit=loss_unit,
    )
    count = np.unique(table.numbers("seed")).size
    title = f"Training and validation loss per epoch for {count} seeds."
    return drawn("learning_curves", title, partial(draw_learning_curves, table), table)
