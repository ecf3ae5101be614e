"""What each stage cost."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.figures.style import BLUE, INK, ORANGE, DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.figures.table import (
    FigureTable,
    format_number,
    number_column,
    require_rows,
    word_column,
)


def cost_per_stage_table(
    *,
    stage: Sequence[str],
    jobs: ArrayLike,
    cpu_seconds: ArrayLike,
    gpu_seconds: ArrayLike,
    wall_seconds: ArrayLike,
) -> FigureTable:
    """Collect the cost, one row per stage.

    Parameters
    ----------
    stage
        Names of the stages.
    jobs
        Number of jobs of each.
    cpu_seconds
        CPU time summed over the jobs, s.
    gpu_seconds
        GPU time summed over the jobs, s.
    wall_seconds
        Wall time summed over the jobs, s.

    Returns
    -------
    FigureTable
        Columns ``stage``, ``jobs``, ``cpu_seconds``, ``gpu_seconds``, ``wall_seconds``,
        ``cpu_share_percent``.
    """
    cpu = np.asarray(cpu_seconds, float)
    total = float(np.nansum(cpu))
    share = 100 * cpu / total if total > 0 else np.zeros_like(cpu)
    return FigureTable(
        (
            word_column("stage", "stage", stage),
            number_column("jobs", "jobs", "", np.asarray(jobs, int)),
            number_column("cpu_seconds", "CPU time", "s", cpu),
            number_column("gpu_seconds", "GPU time", "s", np.asarray(gpu_seconds, float)),
            number_column("wall_seconds", "wall time", "s", np.asarray(wall_seconds, float)),
            number_column("cpu_share_percent", "share of CPU time", "%", share),
        )
    )


@styled
def draw_cost_per_stage(table: FigureTable) -> Figure:
    """Draw CPU and, where any was used, GPU seconds as horizontal bars with their numbers."""
    require_rows(table, "cost_per_stage")
    kinds = [("cpu_seconds", "CPU", BLUE), ("gpu_seconds", "GPU", ORANGE)]
    used = [kind for kind in kinds if kind[0] == "cpu_seconds" or np.nansum(table.numbers(kind[0]))]
    figure = new_figure(1.0 + 0.17 * (1 + len(used)) * len(table))
    axes = figure.add_subplot()
    thickness = 0.8 / len(used)
    both = np.nan_to_num(table.numbers("gpu_seconds")) > 0
    for number, (name, label, colour) in enumerate(used):
        seconds = np.nan_to_num(table.numbers(name))
        y = np.arange(len(table)) + np.where(both, number - 0.5, 0.0) * thickness
        axes.barh(y, seconds, 0.92 * thickness, color=colour, label=label)
        for height, value in zip(y.tolist(), seconds.tolist(), strict=True):
            if name == "gpu_seconds" and value == 0:
                continue
            axes.annotate(
                f"{format_number(value, 3)} s",
                (value, height),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                size=8.5,
                color=INK,
            )
    axes.set_yticks(range(len(table)), table.words("stage"))
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time summed over jobs (s)")
    if len(used) > 1:
        figure.legend(loc="outside lower center", ncols=2)
    else:
        axes.set_xlabel("CPU time summed over jobs (s)")
    return figure


def cost_per_stage(
    *,
    stage: Sequence[str],
    jobs: ArrayLike,
    cpu_seconds: ArrayLike,
    gpu_seconds: ArrayLike,
    wall_seconds: ArrayLike,
) -> DrawnFigure:
    """Draw the cost per stage; parameters as in `cost_per_stage_table`."""
    table = cost_per_stage_table(
        stage=stage,
        jobs=jobs,
        cpu_seconds=cpu_seconds,
        gpu_seconds=gpu_seconds,
        wall_seconds=wall_seconds,
    )
    return drawn("cost_per_stage", "Computing time per stage.", draw_cost_per_stage(table), table)
