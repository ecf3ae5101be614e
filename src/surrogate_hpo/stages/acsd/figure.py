"""Score of every descriptor candidate: heat map of cutoff radius against 2J_max."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import INK, VERMILION
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import (
    FigureTable,
    format_number,
    number_column,
    require_rows,
    superscript,
)


@dataclass(frozen=True)
class Score:
    """What is drawn.

    Attributes
    ----------
    name
        Prefix of its columns, ``<name>_mean``; the figure is called ``<name>_map``.
    label
        The same for people.
    better
        ``smaller`` or ``larger`` scores.
    """

    name: str
    label: str
    better: str


SCORES = {
    "acsd": Score("acsd", "ACSD", "smaller"),
    "kernel-spread": Score("kernel_spread", "kernel spread", "larger"),
}
"""Per objective of the acsd stage."""

GUARD = {
    "guard_held_out_unexplained": "unexplained, left-out snapshots",
    "guard_training_unexplained": "unexplained, fitted snapshots",
    "guard_sum_error": "error of snapshot means, relative",
    "guard_larger_sum_error": "the same of the largest cells, fitted to smaller ones",
}
"""Columns of the guard, and what they are called."""


def acsd_map_table(
    *,
    cutoff_radius_angstrom: ArrayLike,
    twojmax: ArrayLike,
    acsd_mean: ArrayLike,
    acsd_std: ArrayLike,
    within_spread: ArrayLike,
    chosen: tuple[float, int],
    score: Score = SCORES["acsd"],
    guard: Mapping[str, ArrayLike] | None = None,
) -> FigureTable:
    """Collect the scores of the candidates, one row each.

    Parameters
    ----------
    cutoff_radius_angstrom
        Cutoff radius per candidate, Å, shape (candidates,).
    twojmax
        2J_max per candidate, shape (candidates,).
    acsd_mean
        Score averaged over snapshots and draws; NaN where it failed.
    acsd_std
        Its spread over snapshots and draws.
    within_spread
        Whether the rule of choice cannot tell the candidate from the minimum.
    chosen
        Cutoff radius (Å) and 2J_max of the choice.
    score
        Which score it is.
    guard
        For each of `GUARD` what the guard found per candidate, if there was one.

    Returns
    -------
    FigureTable
        Columns ``cutoff_radius_angstrom``, ``twojmax``, ``<score>_mean``, ``<score>_std``,
        ``within_spread``, ``chosen`` and those of the guard; sorted by radius, then 2J_max.

    Raises
    ------
    DataError
        If the choice is not one of the candidates, has no finite score, or if a candidate
        occurs twice.
    """
    radius, degree = np.asarray(cutoff_radius_angstrom, float), np.asarray(twojmax, int)
    order = np.lexsort((degree, radius))
    mean, std = (np.asarray(values, float)[order] for values in (acsd_mean, acsd_std))
    is_chosen = np.isclose(radius, chosen[0]) & (degree == chosen[1])
    table = FigureTable(
        (
            number_column("cutoff_radius_angstrom", "cutoff radius", "Å", radius[order]),
            number_column("twojmax", "2J_max", "", degree[order]),
            number_column(f"{score.name}_mean", f"{score.label}, mean", "", mean),
            number_column(f"{score.name}_std", f"{score.label}, spread", "", std),
            number_column(
                "within_spread", "within the spread", "", np.asarray(within_spread, bool)[order]
            ),
            number_column("chosen", "chosen", "", is_chosen[order]),
            *(
                number_column(name, GUARD[name], "", np.asarray(values, float)[order])
                for name, values in (guard or {}).items()
            ),
        )
    )
    if is_chosen.sum() != 1 or not np.isfinite(mean[is_chosen[order]]).all():
        raise DataError(
            f"the chosen descriptor must be exactly one candidate with a finite {score.label}",
            where=f"figure {score.name}_map",
            expected=f"cutoff radius {chosen[0]} Å with 2J_max {chosen[1]} once among the scores",
            got=f"{int(is_chosen.sum())} such candidates",
        )
    return table


@styled
def draw_acsd_map(
    table: FigureTable, *, constant_descriptor_acsd: float, score: Score = SCORES["acsd"]
) -> Figure:
    """Draw the heat map; the choice is framed, candidates within the spread are hatched.

    Parameters
    ----------
    table
        As made by `acsd_map_table`.
    constant_descriptor_acsd
        Score of a descriptor that is the same at every point: the degenerate limit.
    score
        Which score it is.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    require_rows(table, "acsd_map")
    radii, row = np.unique(table.numbers("cutoff_radius_angstrom"), return_inverse=True)
    degrees, column = np.unique(table.numbers("twojmax"), return_inverse=True)
    mean = np.full((radii.size, degrees.size), np.nan)
    mean[row, column] = table.numbers(f"{score.name}_mean")
    largest = float(np.nanmax(mean))
    exponent = int(np.floor(np.log10(largest))) if largest > 0 else 0
    scale = 10.0**-exponent
    figure = new_figure(1.9 + 0.5 * radii.size)
    axes = figure.add_subplot()
    image = axes.pcolormesh(
        np.ma.masked_invalid(mean * scale), cmap="cividis", edgecolors="white", linewidth=1.5
    )
    axes.set_xticks(np.arange(degrees.size) + 0.5, [f"{d:.0f}" for d in degrees])
    axes.set_yticks(np.arange(radii.size) + 0.5, [f"{r:g}" for r in radii])
    axes.set(xlabel="2J_max (angular resolution)", ylabel="cutoff radius (Å)", facecolor="#DDDDDD")
    axes.grid(visible=False)
    factor = f"10{superscript(exponent)}"
    bar = figure.colorbar(
        image, ax=axes, label=f"{score.label} ({factor}), {score.better} is better", pad=0.02
    )
    lower, upper = image.get_clim()
    constant = constant_descriptor_acsd * scale
    if lower <= constant <= upper:
        bar.ax.axhline(constant, color=VERMILION, lw=2.5)
    shown = f"{format_number(constant, 3)} × {factor}" if constant else "0"
    axes.set_title(f"a constant descriptor scores {shown}", weight="normal")
    _annotate(axes, table, np.stack([column, row]), score.name, scale, image)
    figure.legend(
        handles=[
            Patch(fc="none", ec=VERMILION, lw=2.5, label="chosen"),
            Patch(fc="#BBBBBB", ec=INK, hatch="////", label="within the spread of the best"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure


def _annotate(
    axes: Axes,
    table: FigureTable,
    cells: NDArray[np.int64],
    name: str,
    scale: float,
    image: ScalarMappable,
) -> None:
    """Write mean ± spread into each cell and mark it."""
    mean, std = (table.numbers(f"{name}_{kind}") * scale for kind in ("mean", "std"))
    within, chosen = table.flags("within_spread"), table.flags("chosen")
    # Luminance after Rec. 709, squared for gamma: where black and white text stand out equally.
    faces = image.to_rgba(mean)
    dark = faces[:, :3] ** 2 @ np.array([0.2126, 0.7152, 0.0722]) < 0.2
    size = 7.0 if len(set(cells[0].tolist())) > 6 else 8.5
    for index, (x, y) in enumerate(cells.T.tolist()):
        finite = bool(np.isfinite(mean[index]))
        ink = "white" if dark[index] and finite else INK
        if within[index]:
            hatch = Rectangle((x + 0.06, y + 0.08), 0.88, 0.84, fc="none", ec=ink, hatch="////")
            hatch.set(linewidth=0, alpha=0.4)
            axes.add_patch(hatch)
        if chosen[index]:
            frame = (x + 0.03, y + 0.03)
            axes.add_patch(Rectangle(frame, 0.94, 0.94, fc="none", ec=VERMILION, lw=3))
        text = f"{mean[index]:.1f}\n± {std[index]:.1f}" if finite else "failed"
        # The numbers stand on their cell's colour, not on its hatching.
        box = {"fc": faces[index], "ec": "none", "pad": 1} if within[index] else None
        axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", size=size, color=ink, bbox=box)


def acsd_map(
    *,
    cutoff_radius_angstrom: ArrayLike,
    twojmax: ArrayLike,
    acsd_mean: ArrayLike,
    acsd_std: ArrayLike,
    within_spread: ArrayLike,
    chosen: tuple[float, int],
    constant_descriptor_acsd: float,
    score: Score = SCORES["acsd"],
    guard: Mapping[str, ArrayLike] | None = None,
) -> DrawnFigure:
    """Draw the heat map; parameters as in `acsd_map_table` and `draw_acsd_map`."""
    table = acsd_map_table(
        cutoff_radius_angstrom=cutoff_radius_angstrom,
        twojmax=twojmax,
        acsd_mean=acsd_mean,
        acsd_std=acsd_std,
        within_spread=within_spread,
        chosen=chosen,
        score=score,
        guard=guard,
    )
    title = (
        f"{score.label} of {len(table)} descriptor candidates; "
        f"chosen: cutoff radius {chosen[0]:g} Å, 2J_max {chosen[1]}."
    )
    draw = partial(
        draw_acsd_map, table, constant_descriptor_acsd=constant_descriptor_acsd, score=score
    )
    return drawn(f"{score.name}_map", title[0].upper() + title[1:], draw, table)
