"""Files of an analysis: pictures with their tables, the map, the radial distribution."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from ase import Atoms
from matplotlib.figure import Figure
from numpy.typing import NDArray

from surrogate_hpo.data.figure_files import FIGURE_WIDTH, save_figure
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.files.zarr_zip import cell_variable, chunk_shape, write_dataset
from surrogate_hpo.report.style import DrawnFigure
from surrogate_hpo.report.table import FigureTable
from surrogate_hpo.run.provenance import versions
from surrogate_hpo.simulation.radial_distribution import radial_distribution
from surrogate_hpo.verbs.dynamics.figure import draw_rdf

FloatArray = NDArray[np.float64]


def write_map_store(
    path: Path, fields: dict[str, tuple[FloatArray, str, str]], cell: FloatArray
) -> None:
    """Write fields of voxels, [x, y, z], each with its unit and what it is."""
    variables: dict[str, Any] = {
        name: xr.DataArray(
            values, dims=("x", "y", "z"), attrs={"units": units, "long_name": long_name}
        )
        for name, (values, units, long_name) in fields.items()
    }
    chunks = {name: chunk_shape(values.shape) for name, (values, _, _) in fields.items()}
    dataset = xr.Dataset(variables | {"cell": cell_variable(cell)})
    write_dataset(path, dataset, chunks, {}, versions("analyse"))


def write_rdf(folder: Path, cell: Atoms, largest: float) -> None:
    """Write the radial distribution up to a largest distance, Å, and its picture."""
    found = radial_distribution([cell], largest)
    rows: list[dict[str, float | None]] = [
        {"distance_angstrom": float(r), "structure": float(g), "structure_standard_error": None}
        for r, g in zip(found.distances, found.values, strict=True)
    ]
    write_table(folder / "rdf.csv", rows)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell.cell[:]), axis=0)
    figure = draw_rdf(rows, half_width=float(heights.min()) / 2, names=("structure",))
    figure.savefig(folder / "rdf.svg")


def save(
    folder: Path, name: str, title: str, draw: Callable[[], Figure], table: FigureTable
) -> None:
    """Write a picture in both forms, and the numbers in it."""
    stem = folder / name
    # No page shows it: the picture for one is not drawn.
    figure = DrawnFigure(name, title, "", draw, table)
    save_figure(stem.with_suffix(".svg"), stem.with_suffix(".pdf"), figure, width=FIGURE_WIDTH)
    write_table(stem.with_suffix(".csv"), table.records())
