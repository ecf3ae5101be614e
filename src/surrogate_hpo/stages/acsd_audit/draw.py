"""The figure of the audit of descriptors, from its table and its verdict."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.data.figure_files import save_lone_figure
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.interface import FigurePdf, FigureSvg, FigureTable, Input
from surrogate_hpo.stages.acsd_audit.figure import descriptor_agreement

_TAU = ("tau", "tau_low", "tau_high")
_COLUMNS = ("cutoff_radius_angstrom", "twojmax", "score", "error_mean", "error_std")


def acsd_audit_figure(
    *,
    candidates: Annotated[Path, Input("CSV of the acsd_audit stage: a row per candidate")],
    verdict: Annotated[Path, Input("JSON of the acsd_audit stage")],
    figure: FigureSvg,
    figure_pdf: FigurePdf,
    figure_table: FigureTable,
) -> None:
    """Draw score and trained error over cutoff radius and 2 J_max."""
    rows = read_table(candidates, columns=_COLUMNS)
    judged = read_document(verdict, keys=("score", *_TAU))
    low, middle, high = (_number(judged[key]) for key in ("tau_low", "tau", "tau_high"))
    drawing = descriptor_agreement(
        cutoff_radius_angstrom=_numbers(rows, "cutoff_radius_angstrom"),
        twojmax=[int(row["twojmax"]) for row in rows],
        score=_numbers(rows, "score"),
        error=_numbers(rows, "error_mean"),
        error_std=_numbers(rows, "error_std"),
        score_label=judged["score"],
        tau=(middle, low, high),
    )
    save_lone_figure(figure, figure_pdf, figure_table, drawing)


def _numbers(rows: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [_number(row[column]) for row in rows]


def _number(value: object) -> float:
    return math.nan if value in ("", None) else float(str(value))
