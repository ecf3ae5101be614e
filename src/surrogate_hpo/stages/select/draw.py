"""The figure of a selection, from its table."""

from pathlib import Path
from typing import Annotated

from surrogate_hpo.data.figure_files import save_lone_figure
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.run.interface import FigurePdf, FigureSvg, FigureTable, Input
from surrogate_hpo.stages.select.figure import candidates_in_space


def select_figure(
    *,
    space: Annotated[Path, Input("CSV of the select stage: principal components, distances")],
    figure: FigureSvg,
    figure_pdf: FigurePdf,
    figure_table: FigureTable,
) -> None:
    """Draw candidates and training by principal components, and distances by class."""
    save_lone_figure(figure, figure_pdf, figure_table, candidates_in_space(read_table(space)))
