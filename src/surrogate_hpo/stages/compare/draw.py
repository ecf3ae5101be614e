"""The figures of a comparison of search methods."""

import math
from collections.abc import Sequence
from typing import Any

from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.stages.compare.figure_architectures import compare_architectures
from surrogate_hpo.stages.compare.figure_cost import CostPanel, compare_cost
from surrogate_hpo.stages.compare.figure_curves import compare_curves
from surrogate_hpo.stages.compare.settings import CompareSettings
from surrogate_hpo.stages.compare.table import (
    Contest,
    Row,
    number,
    total_free_energy_floor,
)

DEVICES = {"cpu": "CPU time", "gpu": "GPU time"}


def draw_comparison(
    contests: Sequence[Contest], rows: Sequence[Row], settings: CompareSettings
) -> list[DrawnFigure]:
    """Draw learning curves, errors against compute and against wall time, and the networks.

    Parameters
    ----------
    contests
        The methods that have finished.
    rows
        Their rows of the table.
    settings
        Numbers of workers.

    Returns
    -------
    list of DrawnFigure
        Figures 1, 3, 4 and 6 of Fiedler et al. 2022 on these data. Methods whose final
        networks failed have no error and are missing in those of the errors.
    """
    drawings = [_curves(contests), _networks(contests)]
    pairs = zip(contests, rows, strict=True)
    usable = [row for contest, row in pairs if math.isfinite(contest.error("total_free_energy"))]
    if usable:
        floor = total_free_energy_floor(contests)
        drawings += [_compute(usable, floor), _wall_time(usable, floor, settings)]
    return drawings


def _curves(contests: Sequence[Contest]) -> DrawnFigure:
    epochs = [(c.result["label"], row) for c in contests for row in c.history]
    return compare_curves(
        method=[label for label, _ in epochs],
        initialisation=[int(row["initialisation"]) for _, row in epochs],
        epoch=[int(row["epoch"]) for _, row in epochs],
        validation_loss=[float(row["validation_loss"]) for _, row in epochs],
    )


def _networks(contests: Sequence[Contest]) -> DrawnFigure:
    networks = [c.result["architecture"] for c in contests]
    return compare_architectures(
        method=[c.result["label"] for c in contests],
        hidden_widths=[network["hidden_widths"] for network in networks],
        activation=[network["activation"] for network in networks],
        parameters=[c.result["parameters"] for c in contests],
    )


def _compute(rows: Sequence[Row], floor: float) -> DrawnFigure:
    return compare_cost(
        name="compare_compute",
        title="Error of the network that each search method finds, against its compute.",
        cost_label=f"{DEVICES[str(rows[0]['device'])]} (s)",
        **_errors(rows),
        floor=floor,
        panels=[
            CostPanel("search_seconds", "search", _numbers(rows, "search_seconds")),
            CostPanel(
                "total_seconds", "search and one final training", _numbers(rows, "total_seconds")
            ),
        ],
    )


def _wall_time(rows: Sequence[Row], floor: float, settings: CompareSettings) -> DrawnFigure:
    panels = [
        CostPanel(
            f"wall_seconds_{workers}_workers",
            f"{workers} worker" + ("s" if workers > 1 else ""),
            _numbers(rows, f"wall_seconds_{workers}_workers"),
        )
        for workers in settings.workers
    ]
    return compare_cost(
        name="compare_wall_time",
        title="Error of the network that each search method finds, against modelled wall time.",
        cost_label="wall time, with final training (s)",
        **_errors(rows),
        floor=floor,
        panels=panels,
    )


def _errors(rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "method": [str(row["label"]) for row in rows],
        "mae": _numbers(rows, "mae_mev_per_atom"),
        "std": _numbers(rows, "std_over_initialisations_mev_per_atom"),
    }


def _numbers(rows: Sequence[Row], key: str) -> list[float]:
    return [number(row[key]) for row in rows]
