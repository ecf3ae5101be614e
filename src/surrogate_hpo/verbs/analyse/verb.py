"""Planes, profiles, atoms and distances of a predicted structure: pictures with their tables."""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.figure_files import FIGURE_WIDTH, save_figure
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.data.predicted_fields import DensityData, read_density
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.files.zarr_zip import grid_of
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.report.style import DrawnFigure, drawn
from surrogate_hpo.run.interface import Option, Output, Positional, require_option
from surrogate_hpo.run.provenance import checksums, versions
from surrogate_hpo.simulation.radial_distribution import radial_distribution, require_distance
from surrogate_hpo.verbs.analyse.figure import draw_dos, draw_profile, draw_slice
from surrogate_hpo.verbs.analyse.maps import atom_rows, dos_table, profile_table, slice_table
from surrogate_hpo.verbs.dynamics.figure import draw_rdf

logger = logging.getLogger(__name__)
VECTORS = ("a", "b", "c")
_SAME_CELL = 1e-4
"""Å; cells of structure files are rounded."""


def analyse(
    density: Annotated[Path, Positional("density.zarr.zip of a prediction")],
    structure: Annotated[Path, Positional("its structure, a file that ASE reads; Å")],
    *,
    output: Annotated[Path, Output("folder, which must not exist yet")],
    axis: Annotated[str, Option("cell vector along which planes and profile lie; c")] = "c",
    at: Annotated[
        list[float] | None, Option("planes, in units of that cell vector; 0 if left out")
    ] = None,
    ldos: Annotated[
        Path | None, Option("ldos.zarr.zip of the same prediction: states projected on atoms")
    ] = None,
    atoms: Annotated[
        list[int] | None, Option("atoms, from 0, whose states get a curve of their own")
    ] = None,
    width_angstrom: Annotated[
        float, Option("standard deviation of the weights that share space among atoms; 0.5")
    ] = 0.5,
    rdf_largest_distance_angstrom: Annotated[
        float, Option("where the radial distribution ends; 8")
    ] = 8.0,
) -> None:
    """Draw what was predicted of a cell: density and its spread, electrons and states of atoms.

    Writes planes of the density beside its spread over the networks, their profile along a cell
    vector, electrons of each atom, the radial distribution, and with --ldos the density of states
    of elements and atoms: SVG, PDF, and the numbers as CSV. See docs/howto/analyse.md.
    """
    require_option(axis in VECTORS, "axis", "a, b or c", axis)
    places, number = at or [0.0], VECTORS.index(axis)
    require_option(bool(np.isfinite(places).all()), "at", "finite numbers", places)
    require_distance(rdf_largest_distance_angstrom)
    if output.exists():
        raise DataError(
            "the output folder exists",
            where=str(output),
            remedy="name another one: --output, or remove it",
        )
    data, cell = read_density(density), read_structure(structure)
    _check_cell(data.cell, cell, density)
    chosen = atoms or []
    require_option(ldos is not None or not chosen, "atoms", "--ldos with it", chosen)
    known = all(0 <= one < len(cell) for one in chosen)
    require_option(known, "atoms", f"numbers from 0 to {len(cell) - 1}", chosen)
    inputs = [density, structure, *([] if ldos is None else [ldos])]
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        write_table(folder / "atoms.csv", atom_rows(data, cell, width=width_angstrom))
        _write_rdf(folder, cell, rdf_largest_distance_angstrom)
        figures = [*_planes(data, number, places), _profile(data, number)]
        if ldos is not None:
            figures.append(_states(ldos, cell, chosen, width_angstrom))
        for figure in figures:
            _save(folder, figure)
        options = {"axis": axis, "at": places, "width_angstrom": width_angstrom}
        record = {**versions("analyse"), "inputs": checksums(inputs), **options}
        write_document(folder / "analysis.json", {"provenance": record})
    logger.info("%s: %s", output, ", ".join(sorted(path.name for path in output.iterdir())))


def _check_cell(lattice: NDArray[np.float64], cell: Atoms, where: Path) -> None:
    if not np.allclose(lattice, cell.cell[:], rtol=0, atol=_SAME_CELL):
        raise DataError(
            "the structure is not that of the prediction: the cells differ",
            where=str(where),
            expected=f"{np.round(lattice, 5).tolist()} Å",
            got=f"{np.round(cell.cell[:], 5).tolist()} Å",
            remedy="give the structure that was predicted",
        )


def _planes(data: DensityData, axis: int, places: Sequence[float]) -> list[DrawnFigure]:
    first, second = (other for other in range(3) if other != axis)
    shape = data.values.shape[first], data.values.shape[second]
    vectors = VECTORS[first], VECTORS[second]
    figures = []
    for number, place in enumerate(places):
        table = slice_table(data, axis, place)
        title = f"electron density where {VECTORS[axis]} = {place:g}"
        draw = partial(draw_slice, table, shape, vectors=vectors)
        figures.append(drawn(f"slice_{number}", title, draw, table))
    return figures


def _profile(data: DensityData, axis: int) -> DrawnFigure:
    table = profile_table(data, axis)
    title = f"mean electron density of the planes along {VECTORS[axis]}"
    return drawn("profile", title, lambda: draw_profile(table), table)


def _states(path: Path, cell: Atoms, chosen: Sequence[int], width: float) -> DrawnFigure:
    """States of the atoms, a few planes of the LDOS at a time."""
    shape = grid_of(path, "ldos")
    sums = AtomSums(shape, cell.positions, cell.cell[:], width=width)
    first = read_ldos(path, slice(0, 1))
    _check_cell(first.cell, cell, path)
    dos = np.zeros((len(cell), len(first.axis.energy)))
    for plane in range(shape[0]):
        values = read_ldos(path, slice(plane, plane + 1)).values
        dos += sums(values.reshape(-1, values.shape[-1]), plane * shape[1] * shape[2])
    table = dos_table(first.axis.energy, dos * sums.volume_element, cell, chosen)
    return drawn("atom_dos", "density of states of atoms", lambda: draw_dos(table), table)


def _write_rdf(folder: Path, cell: Atoms, largest: float) -> None:
    found = radial_distribution([cell], largest)
    rows: list[dict[str, float | None]] = [
        {"distance_angstrom": float(r), "structure": float(g), "structure_standard_error": None}
        for r, g in zip(found.distances, found.values, strict=True)
    ]
    write_table(folder / "rdf.csv", rows)
    heights = 1 / np.linalg.norm(np.linalg.inv(cell.cell[:]), axis=0)
    figure = draw_rdf(rows, half_width=float(heights.min()) / 2, names=("structure",))
    figure.savefig(folder / "rdf.svg")


def _save(folder: Path, figure: DrawnFigure) -> None:
    stem = folder / figure.name
    save_figure(stem.with_suffix(".svg"), stem.with_suffix(".pdf"), figure, width=FIGURE_WIDTH)
    write_table(stem.with_suffix(".csv"), figure.table.records())
