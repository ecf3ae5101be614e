"""Figures on disk."""

from collections.abc import Sequence
from pathlib import Path

from surrogate_hpo.figures.style import DrawnFigure
from surrogate_hpo.io.atomic import replacing, write_text
from surrogate_hpo.io.tables import write_table


def save_figures(folder: Path, drawings: Sequence[DrawnFigure]) -> None:
    """Write each figure as SVG beside its table as CSV; all of them or none."""
    with replacing(folder) as partial:
        partial.mkdir()
        for drawing in drawings:
            write_text(partial / f"{drawing.name}.svg", drawing.svg)
            write_table(partial / f"{drawing.name}.csv", drawing.table.records())
