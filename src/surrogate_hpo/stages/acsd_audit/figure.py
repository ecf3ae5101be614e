"""Score of every descriptor and error of a network trained on it, on one axis."""

from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.report.palette import BLUE, INK, VERMILION
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import FigureTable, number_column, require_rows

COLUMNS = 3


def descriptor_agreement_table(
    *,
    cutoff_radius_angstrom: ArrayLike,
    twojmax: ArrayLike,
    score: ArrayLike,
    error: ArrayLike,
    error_std: ArrayLike,
    score_label: str,
) -> FigureTable:
    """Collect the candidates, sorted by 2J_max and cutoff radius.

    Parameters
    ----------
    cutoff_radius_angstrom
        Per candidate, Å.
    twojmax
        Per candidate.
    score
        Score without training.
    error
        Validation loss of the scaled LDOS after training; +inf where it diverged.
    error_std
        Standard deviation over the trainings.
    score_label
        Name of the score for people.

    Returns
    -------
    FigureTable
        Columns ``cutoff_radius_angstrom``, ``twojmax``, ``score``, ``error``, ``error_std``,
        ``relative_score`` and ``relative_error``: both over the smallest of all candidates.
    """
    radius, degree = np.asarray(cutoff_radius_angstrom, float), np.asarray(twojmax, int)
    order = np.lexsort((radius, degree))
    values, errors, spread = (np.asarray(a, float)[order] for a in (score, error, error_std))
    return FigureTable(
        (
            number_column("cutoff_radius_angstrom", "cutoff radius", "Å", radius[order]),
            number_column("twojmax", "2J_max", "", degree[order]),
            number_column("score", score_label, "", values),
            number_column("error", "error after training", "", errors),
            number_column("error_std", "std over trainings", "", spread),
            number_column(
                "relative_score", f"{score_label} / smallest", "", values / np.nanmin(values)
            ),
            number_column("relative_error", "error / smallest", "", errors / np.nanmin(errors)),
        )
    )


@styled
def draw_descriptor_agreement(
    table: FigureTable, *, score_label: str, tau: tuple[float, float, float]
) -> Figure:
    """Draw both over the cutoff radius, one panel per 2J_max, relative to their smallest value."""
    require_rows(table, "descriptor_agreement")
    degree, radius = table.numbers("twojmax"), table.numbers("cutoff_radius_angstrom")
    score, error = table.numbers("relative_score"), table.numbers("relative_error")
    bars = error * table.numbers("error_std") / table.numbers("error")
    degrees = np.unique(degree)
    # Four panels make a square.
    columns = 2 if len(degrees) in (2, 4) else min(COLUMNS, len(degrees))
    rows = -(-len(degrees) // columns)
    figure = new_figure(0.9 + 2.1 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, value in zip(grid.flat, degrees, strict=False):
        here = degree == value
        axes.set(yscale="log", ylim=log_limits(np.concatenate([score, error])))
        axes.errorbar(
            radius[here],
            np.where(np.isfinite(error[here]), error[here], np.nan),
            yerr=np.nan_to_num(bars[here]),
            fmt="o-",
            color=INK,
            ms=4.5,
            label="error after training",
        )
        axes.plot(radius[here], score[here], "s--", color=BLUE, ms=4.5, label=score_label)
        _ = [axes.axvline(r, color=VERMILION, lw=1) for r in radius[here & np.isinf(error)]]
        axes.set_title(f"2J_max {value:g}", weight="normal")
        axes.set_xlabel("cutoff radius (Å)", fontsize=9)
        axes.tick_params(labelbottom=True)
    for axes in list(grid.flat)[len(degrees) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("relative to the smallest", fontsize=9)
        set_decades(axes.yaxis)
    value, low, high = (f"{number:+.2f}".replace("-", "−") for number in tau)
    figure.suptitle(f"{score_label} and trained error: τ = {value} [{low}, {high}]", fontsize=10)
    handles, words = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower center", ncols=2)
    return figure


def descriptor_agreement(
    *,
    cutoff_radius_angstrom: ArrayLike,
    twojmax: ArrayLike,
    score: ArrayLike,
    error: ArrayLike,
    error_std: ArrayLike,
    score_label: str,
    tau: tuple[float, float, float],
) -> DrawnFigure:
    """Draw the audit of the descriptors; parameters as of the table and the drawing."""
    table = descriptor_agreement_table(
        cutoff_radius_angstrom=cutoff_radius_angstrom,
        twojmax=twojmax,
        score=score,
        error=error,
        error_std=error_std,
        score_label=score_label,
    )
    draw = partial(draw_descriptor_agreement, table, score_label=score_label, tau=tau)
    title = f"{score_label} and error after a brief training of {len(table)} descriptors."
    return drawn("descriptor_agreement", title, draw, table)
