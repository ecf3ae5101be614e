"""The figure of an audit of choices, from its tables."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.figure_files import save_lone_figure
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.interface import FigurePdf, FigureSvg, FigureTable, Input
from surrogate_hpo.stages.select_audit.figure import rules_against_random


def select_audit_figure(
    *,
    curves: Annotated[Path, Input("CSV of the select_audit stage: error against DFT runs")],
    worths: Annotated[Path, Input("CSV of the same: DFT runs beside random choices")],
    figure: FigureSvg,
    figure_pdf: FigurePdf,
    figure_table: FigureTable,
) -> None:
    """Draw learning curves of all rules, and what each is worth beside random choices."""
    drawing = rules_against_random(read_table(curves), read_table(worths))
    save_lone_figure(figure, figure_pdf, figure_table, drawing)
