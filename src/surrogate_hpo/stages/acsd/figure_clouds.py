"""Similarities that the scores are made of: of descriptors against the LDOS, or their spread."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import INK, SERIES
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, set_decades, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

BINS = (40, 20)


def similarity_clouds_table(
    *, candidate: Sequence[str], ldos_similarity: ArrayLike, descriptor_similarity: ArrayLike
) -> FigureTable:
    """Count the pairs in bins, per candidate: every pair is in the table.

    Parameters
    ----------
    candidate
        Title of each panel.
    ldos_similarity
        S_C(d) of the pairs, shape (pairs,).
    descriptor_similarity
        S_C(B) of the same pairs, shape (candidates, pairs).

    Returns
    -------
    FigureTable
        Columns ``candidate``, ``ldos_similarity``, ``descriptor_similarity`` (lower edges of
        the bin), ``ldos_width``, ``descriptor_width`` (of the bin) and ``pairs``; bins without
        pairs are left out.

    Raises
    ------
    DataError
        If the shapes do not fit or a similarity is not finite.
    """
    labels, clouds = np.asarray(ldos_similarity, float), np.asarray(descriptor_similarity, float)
    if clouds.shape != (len(candidate), labels.size) or not clouds.size:
        raise DataError(
            "descriptor and LDOS similarities are not of the same pairs",
            where="figure similarity_clouds",
            expected=f"shape ({len(candidate)}, {labels.size})",
            got=f"shape {clouds.shape}",
        )
    names: list[str] = []
    bins: list[NDArray[np.float64]] = []
    for name, cloud in zip(candidate, clouds, strict=True):
        x_edges, y_edges = bin_edges(labels, BINS[0]), bin_edges(cloud, BINS[1])
        counts = np.histogram2d(labels, cloud, (x_edges, y_edges))[0]
        x, y = np.nonzero(counts)
        names += [name] * x.size
        widths = np.full((2, x.size), [[x_edges[1] - x_edges[0]], [y_edges[1] - y_edges[0]]])
        bins.append(np.vstack([x_edges[x], y_edges[y], widths, counts[x, y]]))
    found = np.concatenate(bins, axis=1)
    return FigureTable(
        (
            word_column("candidate", "candidate", names),
            number_column("ldos_similarity", "S_C(d) from", "", found[0]),
            number_column("descriptor_similarity", "S_C(B) from", "", found[1]),
            number_column("ldos_width", "width in S_C(d)", "", found[2]),
            number_column("descriptor_width", "width in S_C(B)", "", found[3]),
            number_column("pairs", "pairs of points", "", found[4].astype(int)),
        )
    )


def bin_edges(similarities: ArrayLike, bins: int) -> NDArray[np.float64]:
    """Divide the range of similarities, from the smallest rounded down, into equal bins.

    Parameters
    ----------
    similarities
        S_C of pairs, at most 1.
    bins
        Their number.

    Returns
    -------
    array [bins + 1]
        Edges; the last is 1.

    Raises
    ------
    DataError
        If a similarity is not finite.
    """
    values = np.asarray(similarities, float)
    if not np.isfinite(values).all():
        raise DataError("a similarity is not finite", where="figure of similarities")
    lowest = np.floor(100 * values.min()) / 100
    return np.linspace(min(float(lowest), 0.99), 1, bins + 1)


@styled
def draw_similarity_clouds(table: FigureTable) -> Figure:
    """Draw one panel per candidate with the diagonal; darker where there are more pairs."""
    require_rows(table, "similarity_clouds")
    words = np.array(table.words("candidate"))
    names = list(dict.fromkeys(words))
    figure = new_figure(1.9 * max(2, len(names)) + 0.6)
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    norm = LogNorm(1, max(10.0, table.numbers("pairs").max()))
    for axes, name in zip(panels, names, strict=True):
        _draw_panel(axes, table, words == name, norm)
        # Not wider than the panel, beside which the bar of the colours stands; smaller cannot be
        # read in print.
        axes.set_title(name, fontsize=8.4, weight="normal")
    panels[-1].set(xlabel="similarity of the LDOS, S_C(d)")
    figure.supylabel("similarity of the descriptors, S_C(B)", fontsize="medium")
    bar = figure.colorbar(panels[0].collections[0], ax=panels.tolist(), pad=0.02)
    bar.set_label("pairs per bin")
    set_decades(bar.ax.yaxis)
    return figure


def _draw_panel(axes: Axes, table: FigureTable, rows: NDArray[np.bool_], norm: LogNorm) -> None:
    x, y, width, height, pairs = (
        table.numbers(name)[rows]
        for name in (
            "ldos_similarity",
            "descriptor_similarity",
            "ldos_width",
            "descriptor_width",
            "pairs",
        )
    )
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    sides = np.stack([width, height], axis=1)
    rectangles = np.stack([x, y], axis=1)[:, None] + sides[:, None] * corners
    bins = PolyCollection(list(rectangles), array=pairs, cmap="cividis_r", norm=norm)
    # Browsers leave seams between faces that only touch.
    bins.set(edgecolor="face", linewidth=0.4)
    axes.add_collection(bins)
    left, bottom = (1 - count * size[0] for count, size in zip(BINS, (width, height), strict=True))
    axes.plot([left, 1], [left, 1], color=INK, lw=1.2)
    axes.set(xlim=(left, 1), ylim=(bottom, 1))


def similarity_clouds(
    *,
    snapshot: str,
    candidate: Sequence[str],
    ldos_similarity: ArrayLike,
    descriptor_similarity: ArrayLike,
) -> DrawnFigure:
    """Draw the clouds of one draw; parameters as in `similarity_clouds_table`."""
    table = similarity_clouds_table(
        candidate=candidate,
        ldos_similarity=ldos_similarity,
        descriptor_similarity=descriptor_similarity,
    )
    title = f"Similarity of descriptors against similarity of the LDOS, pairs of {snapshot}."
    return drawn("similarity_clouds", title, partial(draw_similarity_clouds, table), table)


SPREAD_BINS = 40


def similarity_spread_table(
    *, candidate: Sequence[str], descriptor_similarity: ArrayLike
) -> FigureTable:
    """Count the pairs in bins of similarity, per candidate.

    Parameters
    ----------
    candidate
        Label of each curve.
    descriptor_similarity
        S_C(B) of the pairs, shape (candidates, pairs).

    Returns
    -------
    FigureTable
        Columns ``candidate``, ``descriptor_similarity`` (centre of the bin) and ``pairs``.

    Raises
    ------
    DataError
        If the shapes do not fit or a similarity is not finite.
    """
    clouds = np.asarray(descriptor_similarity, float)
    if clouds.ndim != 2 or len(clouds) != len(candidate) or not clouds.size:
        raise DataError(
            "there are not as many candidates as sets of similarities",
            where="figure similarity_spread",
            expected=f"shape ({len(candidate)}, pairs)",
            got=f"shape {clouds.shape}",
        )
    edges = bin_edges(clouds, SPREAD_BINS)
    counts = [np.histogram(cloud, edges)[0] for cloud in clouds]
    centres = (edges[1:] + edges[:-1]) / 2
    return FigureTable(
        (
            word_column("candidate", "candidate", [n for n in candidate for _ in centres]),
            number_column(
                "descriptor_similarity",
                "S_C of the descriptors",
                "",
                np.tile(centres, len(candidate)),
            ),
            number_column("pairs", "pairs of points", "", np.concatenate(counts)),
        )
    )


@styled
def draw_similarity_spread(table: FigureTable) -> Figure:
    """Draw one histogram per candidate."""
    require_rows(table, "similarity_spread")
    words = np.array(table.words("candidate"))
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    for name, color in zip(dict.fromkeys(words), SERIES, strict=False):
        rows = words == name
        x, pairs = (table.numbers(c)[rows] for c in ("descriptor_similarity", "pairs"))
        axes.step(x, pairs, where="mid", color=color, lw=1.8, label=name)
        axes.fill_between(x, pairs, step="mid", color=color, alpha=0.15, lw=0)
    axes.set(xlabel="similarity of the descriptors, S_C(B)", ylabel="pairs of points")
    axes.set(yscale="log", ylim=(0.7, 2 * table.numbers("pairs").max()))
    set_decades(axes.yaxis)
    figure.legend(loc="outside lower center", ncols=1)
    return figure


def similarity_spread(
    *, snapshot: str, candidate: Sequence[str], descriptor_similarity: ArrayLike
) -> DrawnFigure:
    """Draw the distributions of one draw; parameters as in `similarity_spread_table`."""
    table = similarity_spread_table(
        candidate=candidate, descriptor_similarity=descriptor_similarity
    )
    title = f"Similarity of the descriptors, pairs of {snapshot}."
    return drawn("similarity_spread", title, partial(draw_similarity_spread, table), table)
