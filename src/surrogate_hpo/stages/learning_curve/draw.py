"""The figure of the learning curve, from its table; the report draws it, too."""

import math
from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.figure_files import save_lone_figure
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.run.interface import FigurePdf, FigureSvg, FigureTable, Input
from surrogate_hpo.stages.learning_curve.figure import error_by_snapshots


def learning_curve_figure(
    *,
    table: Annotated[Path, Input("CSV of the learning_curve stage; meV/atom, seconds")],
    figure: FigureSvg,
    figure_pdf: FigurePdf,
    figure_table: FigureTable,
) -> None:
    """Draw the errors against the number of training snapshots."""
    save_lone_figure(figure, figure_pdf, figure_table, curve_of(table))


def curve_of(table: Path) -> DrawnFigure:
    """The figure of a table of the learning_curve stage; an empty cell is not known."""
    return error_by_snapshots(
        [{k: float(v) if v else math.nan for k, v in row.items()} for row in read_table(table)]
    )
