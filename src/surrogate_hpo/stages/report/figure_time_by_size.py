"""Time against number of atoms: what DFT takes, and what the surrogate does."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import BLUE, GREY
from surrogate_hpo.report.style import (
    DrawnFigure,
    drawn,
    log_limits,
    new_figure,
    set_decades,
    styled,
)
from surrogate_hpo.report.table import (
    FigureTable,
    number_column,
    require_rows,
    word_column,
)

DFT, DFT_ELSEWHERE = "DFT", "DFT, as the file tells"
SURROGATE, WITH_FORCES = "surrogate", "surrogate, with forces"
_STYLES = {
    DFT: ("o", GREY, GREY),
    DFT_ELSEWHERE: ("o", GREY, "white"),
    SURROGATE: ("s", BLUE, BLUE),
    WITH_FORCES: ("s", BLUE, "white"),
}


@dataclass(frozen=True)
class SizeTime:
    """CPU seconds of calculations of one number of atoms.

    Attributes
    ----------
    atoms
        Number of atoms per cell.
    source
        `DFT` of the run, `DFT_ELSEWHERE`, `SURROGATE` or `WITH_FORCES`.
    cpu_seconds
        Of each.
    """

    atoms: int
    source: str
    cpu_seconds: Sequence[float]


def time_by_size_table(times: Sequence[SizeTime]) -> FigureTable:
    """Collect the times, one row per source and number of atoms.

    Parameters
    ----------
    times
        In the order of the rows.

    Returns
    -------
    FigureTable
        Columns ``source``, ``atoms``, ``calculations`` and ``cpu_seconds``, their mean.
    """
    means = [float(np.mean(entry.cpu_seconds)) for entry in times]
    return FigureTable(
        (
            word_column("source", "source", [entry.source for entry in times]),
            number_column("atoms", "atoms", "", [entry.atoms for entry in times]),
            number_column(
                "calculations", "calculations", "", [len(entry.cpu_seconds) for entry in times]
            ),
            number_column("cpu_seconds", "CPU time of one", "s", means, digits=3),
        )
    )


def ratio_at_largest(times: Sequence[SizeTime]) -> tuple[int, float] | None:
    """The largest number of atoms of which both times are known, and DFT's over the surrogate's."""
    mean: dict[str, Mapping[int, float]] = {
        SURROGATE: _means(times, (WITH_FORCES, SURROGATE)),
        DFT: _means(times, (DFT_ELSEWHERE, DFT)),
    }
    common = mean[SURROGATE].keys() & mean[DFT].keys()
    if not common:
        return None
    largest = max(common)
    return largest, mean[DFT][largest] / mean[SURROGATE][largest]


def _means(times: Sequence[SizeTime], sources: Sequence[str]) -> dict[int, float]:
    """By number of atoms; of several sources the last one counts."""
    return {
        entry.atoms: float(np.mean(entry.cpu_seconds))
        for source in sources
        for entry in times
        if entry.source == source
    }


@styled
def draw_time_by_size(table: FigureTable) -> Figure:
    """Draw both times on logarithmic axes."""
    require_rows(table, "time_by_size")
    sources = np.array(table.words("source"))
    atoms, seconds = table.numbers("atoms"), table.numbers("cpu_seconds")
    figure = new_figure(4.2)
    axes = figure.add_subplot()
    axes.set(xscale="log", yscale="log", xlim=log_limits(atoms), ylim=log_limits(seconds))
    # One line through all of DFT: where it was computed makes no kink.
    of_dft = np.flatnonzero(np.isin(sources, (DFT, DFT_ELSEWHERE)))
    order = of_dft[np.argsort(atoms[of_dft], kind="stable")]
    axes.plot(atoms[order], seconds[order], color=GREY, lw=1.6, zorder=1)
    for source, (marker, colour, face) in _STYLES.items():
        members = np.flatnonzero(sources == source)
        members = members[np.argsort(atoms[members])]
        if members.size:
            line = "-" if source in (SURROGATE, WITH_FORCES) else ""
            axes.plot(
                atoms[members], seconds[members],
                ls=line, lw=1.6, marker=marker, color=colour, mfc=face, ms=6, label=source,
            )  # fmt: skip
    set_decades(axes.xaxis)
    set_decades(axes.yaxis)
    ticks = np.unique(atoms)
    axes.set_xticks(ticks, [f"{number:.0f}" for number in ticks], minor=False)
    axes.set(xlabel="number of atoms", ylabel="CPU time of one calculation (s)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def time_by_size(times: Sequence[SizeTime]) -> DrawnFigure:
    """Draw the times against the number of atoms, with their ratio at the largest in the title."""
    table = time_by_size_table(times)
    title = "CPU time of one calculation against the number of atoms."
    if (found := ratio_at_largest(times)) is not None:
        atoms, ratio = found
        rounded = round(ratio, 1 - math.floor(math.log10(ratio)))
        title += f" At {atoms} atoms DFT takes {rounded:g} times as long as the surrogate."
    return drawn("time_by_size", title, partial(draw_time_by_size, table), table)
