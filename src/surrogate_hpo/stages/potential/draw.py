"""The figures of the potential stage, from its tables; the report draws them, too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.figure_files import FIGURE_WIDTH, save_figures
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.stages.potential.columns import COLUMNS, FORCE_COLUMNS
from surrogate_hpo.stages.potential.figure import energies, energy_table, forces


def potential_figure(
    *,
    table: Annotated[Path, Input("CSV of the potential stage: errors, meV/atom")],
    forces: Annotated[Path, Input("CSV of the potential stage: forces, eV/Å")],
    figures: Annotated[Path, Output("folder: each figure as SVG and PDF, its table as CSV")],
) -> None:
    """Draw energies and forces of the held-out structures against DFT."""
    save_figures(figures, potential_figures(table, forces), width=FIGURE_WIDTH)


def potential_figures(table: Path, of_forces: Path) -> list[DrawnFigure]:
    """The figures of two tables of the potential stage; none where nothing was held out."""
    rows = read_table(table, columns=COLUMNS)
    if not rows:
        return []
    shown = energy_table(
        [row["snapshot"] for row in rows],
        [row["set"] for row in rows],
        baseline_error=_numbers(rows, "baseline_error_mev_per_atom"),
        error=_numbers(rows, "energy_error_mev_per_atom"),
        spread=_numbers(rows, "energy_spread_mev_per_atom"),
    )
    known = read_table(of_forces, columns=FORCE_COLUMNS)
    columns = ("dft_ev_per_angstrom", "predicted_ev_per_angstrom", "spread_ev_per_angstrom")
    return [
        energies(shown),
        *forces([row["element"] for row in known], *(_numbers(known, name) for name in columns)),
    ]


def _numbers(rows: Sequence[Mapping[str, str]], column: str) -> NDArray[np.float64]:
    return np.array([float(row[column] or "nan") for row in rows])
