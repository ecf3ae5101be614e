"""Figures on disk."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_hpo.figure_widths import FigureWidth
from surrogate_hpo.files.atomic import replacing, write_bytes, write_text
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.report.style import DrawnFigure

FIGURE_WIDTH: FigureWidth = "single"
"""Of figures that no setting speaks of."""


def save_figures(folder: Path, drawings: Sequence[DrawnFigure], *, width: FigureWidth) -> None:
    """Write each figure as SVG and PDF beside its table as CSV; all of them or none."""
    with replacing(folder) as partial:
        partial.mkdir()
        for drawing in drawings:
            stem = partial / drawing.name
            save_figure(stem.with_suffix(".svg"), stem.with_suffix(".pdf"), drawing, width=width)
            write_table(stem.with_suffix(".csv"), drawing.table.records())


def save_figure(svg: Path, pdf: Path, drawing: DrawnFigure, *, width: FigureWidth) -> None:
    """Write a figure in both forms."""
    write_text(svg, drawing.paper_svg(width))
    write_bytes(pdf, drawing.paper_pdf(width))


def save_lone_figure(svg: Path, pdf: Path, table: Path, drawing: DrawnFigure) -> None:
    """Write the one figure of a stage in both forms, and the numbers in it."""
    save_figure(svg, pdf, drawing, width=FIGURE_WIDTH)
    write_table(table, drawing.table.records())
