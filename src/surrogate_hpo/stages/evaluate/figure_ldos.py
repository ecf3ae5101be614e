"""LDOS at a few grid points of one held-out snapshot, reference against prediction."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import BLUE, INK
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

UNIT = "1/(eV Å³)"


def ldos_overlay_table(
    *,
    point: Sequence[str],
    energy_ev: ArrayLike,
    reference: ArrayLike,
    predicted: ArrayLike,
) -> FigureTable:
    """Average the predictions over the seeds, point after point.

    Parameters
    ----------
    point
        What tells each grid point, shape (points,).
    energy_ev
        Energy axis, eV, shape (energies,).
    reference
        LDOS of DFT, 1/(eV Å³), shape (points, energies).
    predicted
        Predicted LDOS, 1/(eV Å³), shape (seeds, points, energies).

    Returns
    -------
    FigureTable
        Columns ``point``, ``energy_ev``, ``reference``, ``predicted`` (mean over seeds) and
        ``std_over_seeds`` (0 for one seed); a row per point and energy.

    Raises
    ------
    DataError
        If the shapes do not fit each other.
    """
    energy, truth = np.asarray(energy_ev, float), np.asarray(reference, float)
    values = np.asarray(predicted, float)
    expected = (len(point), energy.size)
    if truth.shape != expected or values.ndim != 3 or values.shape[1:] != expected:
        raise DataError(
            "the LDOS do not fit points and energy axis",
            where="figure ldos_overlay",
            expected=f"reference {expected}, predicted (seeds, {expected[0]}, {expected[1]})",
            got=f"{truth.shape}, {values.shape}",
        )
    std = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(truth)
    return FigureTable(
        (
            word_column("point", "grid point", [name for name in point for _ in energy]),
            number_column("energy_ev", "energy", "eV", np.tile(energy, len(point))),
            number_column("reference", "DFT reference", UNIT, truth.ravel()),
            number_column("predicted", "predicted, mean", UNIT, values.mean(axis=0).ravel()),
            number_column("std_over_seeds", "std over seeds", UNIT, std.ravel()),
        )
    )


@styled
def draw_ldos_overlay(table: FigureTable) -> Figure:
    """Draw one panel per grid point, reference solid and prediction dashed."""
    require_rows(table, "ldos_overlay")
    words = np.array(table.words("point"))
    points = list(dict.fromkeys(words))
    figure = new_figure(1.9 * len(points) + 0.6)
    panels = figure.subplots(len(points), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, points, strict=True):
        rows = words == name
        energy, reference, predicted, std = (
            table.numbers(column)[rows]
            for column in ("energy_ev", "reference", "predicted", "std_over_seeds")
        )
        axes.plot(energy, reference, color=INK, lw=2.4, label="DFT reference")
        axes.plot(energy, predicted, color=BLUE, lw=1.5, ls=(0, (4, 1.5)), label="predicted, mean")
        axes.fill_between(
            energy,
            predicted - std,
            predicted + std,
            color=BLUE,
            alpha=0.25,
            lw=0,
            label="± std over seeds",
        )
        axes.set_title(name, fontsize="medium")
        axes.set(xlim=(energy[0], energy[-1]))
    panels[-1].set(xlabel="energy (eV)")
    figure.supylabel(f"LDOS ({UNIT})", fontsize="medium")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def ldos_overlay(
    *,
    snapshot: str,
    point: Sequence[str],
    energy_ev: ArrayLike,
    reference: ArrayLike,
    predicted: ArrayLike,
) -> DrawnFigure:
    """Draw the LDOS of one snapshot; parameters as in `ldos_overlay_table`."""
    table = ldos_overlay_table(
        point=point, energy_ev=energy_ev, reference=reference, predicted=predicted
    )
    title = f"LDOS at {len(point)} grid points of held-out snapshot {snapshot}."
    return drawn("ldos_overlay", title, partial(draw_ldos_overlay, table), table)
