"""Distribution of the descriptors' similarities: what the kernel spread is computed from."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import SERIES
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, set_decades, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column
from surrogate_hpo.stages.acsd.figure_clouds import bin_edges

BINS = 40


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
    edges = bin_edges(clouds, BINS)
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
