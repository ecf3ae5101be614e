"""The figure of the audit, from its tables; the report draws it again from the same tables."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.data.figure_files import save_lone_figure
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.interface import FigurePdf, FigureSvg, FigureTable, Input
from surrogate_hpo.stages.audit.figure import score_agreement
from surrogate_hpo.stages.audit.groups import ALL


def audit_figure(
    *,
    scores: Annotated[Path, Input("CSV of the audit stage: a row per architecture and score")],
    agreement: Annotated[Path, Input("CSV of the audit stage: a row per score and group")],
    figure: FigureSvg,
    figure_pdf: FigurePdf,
    figure_table: FigureTable,
) -> None:
    """Draw every score against the trained error."""
    drawing = score_agreement(**figure_arguments(read_table(scores), read_table(agreement)))
    save_lone_figure(figure, figure_pdf, figure_table, drawing)


def figure_arguments(
    rows: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Arguments of the figure, from the rows of both tables as made here or read back.

    Parameters
    ----------
    rows
        Of `scores.csv`.
    groups
        Of `agreement.csv`.

    Returns
    -------
    dict
        Keywords of :func:`surrogate_hpo.stages.audit.figure.score_agreement`.
    """

    def numbers(table: Sequence[Mapping[str, Any]], key: str) -> list[float]:
        return [math.nan if row[key] == "" else float(row[key]) for row in table]

    overall = [row for row in groups if row["group"] == ALL]
    return {
        "score": [row["score"] for row in rows],
        "architecture": [row["architecture"] for row in rows],
        "activation": [row["activation"] for row in rows],
        "value": numbers(rows, "value"),
        "error": numbers(rows, "error_mean"),
        "labels": {row["score"]: row["label"] for row in overall},
        "tau": {
            row["score"]: (tau, low, high)
            for row, tau, low, high in zip(
                overall,
                *(numbers(overall, key) for key in ("tau", "tau_low", "tau_high")),
                strict=True,
            )
        },
    }
