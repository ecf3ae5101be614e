"""What each stage cost, and how much of what it was given it used."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.report.palette import BLUE, INK, ORANGE
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import (
    FigureTable,
    format_number,
    number_column,
    require_rows,
    word_column,
)

FloatArray = NDArray[np.float64]


def cost_per_stage_table(
    *,
    stage: Sequence[str],
    jobs: ArrayLike,
    cpu_seconds: ArrayLike,
    gpu_seconds: ArrayLike,
    wall_seconds: ArrayLike,
    allocated_cpu_seconds: ArrayLike,
    allocated_gpu_seconds: ArrayLike,
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
    allocated_cpu_seconds
        Cores times wall time, summed over the jobs, s.
    allocated_gpu_seconds
        GPUs times wall time, summed over the jobs, s.

    Returns
    -------
    FigureTable
        Columns ``stage``, ``jobs``, ``cpu_seconds``, ``gpu_seconds``, ``wall_seconds``,
        ``cpu_share_percent``, ``allocated_cpu_seconds``, ``cpu_efficiency_percent``,
        ``allocated_gpu_seconds``, ``gpu_efficiency_percent``. An efficiency is what was used of
        what was allocated; NaN where nothing was.
    """
    cpu, gpu, cpu_held, gpu_held = (
        np.asarray(seconds, float)
        for seconds in (cpu_seconds, gpu_seconds, allocated_cpu_seconds, allocated_gpu_seconds)
    )
    total = float(np.nansum(cpu))
    share = 100 * cpu / total if total > 0 else np.zeros_like(cpu)
    return FigureTable(
        (
            word_column("stage", "stage", stage),
            number_column("jobs", "jobs", "", np.asarray(jobs, int)),
            number_column("cpu_seconds", "CPU time", "s", cpu),
            number_column("gpu_seconds", "GPU time", "s", gpu),
            number_column("wall_seconds", "wall time", "s", np.asarray(wall_seconds, float)),
            number_column("cpu_share_percent", "share of CPU time", "%", share),
            number_column("allocated_cpu_seconds", "cores times wall time", "s", cpu_held),
            number_column("cpu_efficiency_percent", "of it used", "%", _percent(cpu, cpu_held)),
            number_column("allocated_gpu_seconds", "GPUs times wall time", "s", gpu_held),
            number_column("gpu_efficiency_percent", "of it used", "%", _percent(gpu, gpu_held)),
        )
    )


def _percent(used: FloatArray, held: FloatArray) -> FloatArray:
    share: FloatArray = np.full(used.shape, np.nan)
    np.divide(100 * used, held, out=share, where=held > 0)
    return share


@styled
def draw_cost_per_stage(table: FigureTable) -> Figure:
    """Draw CPU and, where any was used, GPU seconds before what was allocated, with numbers."""
    require_rows(table, "cost_per_stage")
    kinds = [("cpu", "CPU", BLUE), ("gpu", "GPU", ORANGE)]
    held = [np.nan_to_num(table.numbers(f"allocated_{kind}_seconds")) for kind, *_ in kinds]
    shown = kinds if held[1].any() or np.nansum(table.numbers("gpu_seconds")) else kinds[:1]
    figure = new_figure(1.0 + 0.17 * (1 + len(shown)) * len(table))
    axes = figure.add_subplot()
    thickness = 0.8 / len(shown)
    both = (held[1] > 0) | (np.nan_to_num(table.numbers("gpu_seconds")) > 0)
    for number, ((kind, label, colour), allocated) in enumerate(zip(shown, held, strict=False)):
        seconds = np.nan_to_num(table.numbers(f"{kind}_seconds"))
        y = np.arange(len(table)) + np.where(both, number - 0.5, 0.0) * thickness
        behind = f"{label} allocated"
        axes.barh(y, allocated, 0.92 * thickness, color=colour, alpha=0.2, label=behind)
        axes.barh(y, seconds, 0.92 * thickness, color=colour, label=f"{label} used")
        share = table.numbers(f"{kind}_efficiency_percent")
        for row in np.flatnonzero((kind == "cpu") | both).tolist():
            text = f"{format_number(seconds[row], 3)} s"
            if np.isfinite(share[row]):
                text += f", {share[row]:.0f} %"
            axes.annotate(
                text,
                (max(seconds[row], allocated[row]), y[row]),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                size=8.5,
                color=INK,
            )
    axes.set_yticks(range(len(table)), table.words("stage"))
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.margins(x=0.3)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time summed over jobs (s)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def cost_per_stage(
    *,
    stage: Sequence[str],
    jobs: ArrayLike,
    cpu_seconds: ArrayLike,
    gpu_seconds: ArrayLike,
    wall_seconds: ArrayLike,
    allocated_cpu_seconds: ArrayLike,
    allocated_gpu_seconds: ArrayLike,
) -> DrawnFigure:
    """Draw the cost per stage; parameters as in `cost_per_stage_table`."""
    table = cost_per_stage_table(
        stage=stage,
        jobs=jobs,
        cpu_seconds=cpu_seconds,
        gpu_seconds=gpu_seconds,
        wall_seconds=wall_seconds,
        allocated_cpu_seconds=allocated_cpu_seconds,
        allocated_gpu_seconds=allocated_gpu_seconds,
    )
    return drawn(
        "cost_per_stage", "Computing time per stage.", partial(draw_cost_per_stage, table), table
    )
