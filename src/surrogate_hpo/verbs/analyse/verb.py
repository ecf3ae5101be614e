"""Planes, surfaces, parts, atoms and distances of a predicted structure, and where to doubt it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from ase import Atoms

from surrogate_hpo.data.predicted_fields import StoredDensity
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.zarr_zip import read_provenance
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.predict.prediction import check_elements
from surrogate_hpo.run.interface import Option, Output, Positional, require_option
from surrogate_hpo.run.provenance import checksums, versions
from surrogate_hpo.simulation.radial_distribution import require_distance
from surrogate_hpo.verbs.analyse.options import CUTS, MODEL, Cuts, Model
from surrogate_hpo.verbs.analyse.parts import Parts, read_parts
from surrogate_hpo.verbs.analyse.states import LdosSource, PredictedLdos, StoredLdos
from surrogate_hpo.verbs.analyse.work import Analysis, check_cell

logger = logging.getLogger(__name__)


def analyse(
    density: Annotated[Path, Positional("density.zarr.zip of a prediction")],
    structure: Annotated[Path, Positional("its structure, a file that ASE reads; Å")],
    *,
    output: Annotated[Path, Output("folder, which must not exist yet")],
    cuts: Cuts = CUTS,
    regions: Annotated[
        list[str] | None,
        Option(
            "parts of the cell, as left=slab:c,0,0.5 pore=sphere:0.5,0.5,0.5,4 surface=atoms:0-7 "
            "aluminium=species:Al others=rest; also box, and -angstrom for box, slab, sphere"
        ),
    ] = None,
    ldos: Annotated[
        Path | None,
        Option("ldos.zarr.zip of the same prediction: states projected on atoms and parts"),
    ] = None,
    atoms: Annotated[
        list[int] | None, Option("atoms, from 0, whose states get a curve of their own")
    ] = None,
    width_angstrom: Annotated[
        float, Option("standard deviation of the weights that share space among atoms; 0.5")
    ] = 0.5,
    map_spacing_angstrom: Annotated[
        float, Option("edge of the voxels of the map of what to doubt; 1")
    ] = 1.0,
    cubes: Annotated[bool, Option("also density.cube and density_std.cube")] = False,
    rdf_largest_distance_angstrom: Annotated[
        float, Option("where the radial distribution ends; 8")
    ] = 8.0,
    model: Model = MODEL,
) -> None:
    """Draw what was predicted of a cell: density and its spread, electrons and states of its parts.

    Writes planes of the density beside its spread over the networks, their profile along a cell
    vector, electrons of each atom and of regions, the radial distribution, isosurfaces, and a map
    of what to doubt: the spread, and with --surrogate how far descriptors are outside of the
    training range. With --ldos, or of regions with --surrogate, densities of states. SVG, PDF,
    and the numbers as CSV. The density is read a few planes at a time. See docs/howto/analyse.md.
    """
    require_distance(rdf_largest_distance_angstrom)
    _require_new(output)
    data, cell = _read(density, structure)
    parts, chosen = read_parts(regions or [], cell), atoms or []
    _require_atoms(chosen, ldos, cell)
    networks = _networks(model, cell)
    source = _source(ldos, networks, cell, data, model, parts)
    work = Analysis(data, cell, cuts, parts, width_angstrom, map_spacing_angstrom)
    inputs = [path for path in (density, structure, ldos, model.surrogate) if path is not None]
    record = _record(inputs, cuts, parts, width_angstrom, map_spacing_angstrom)
    with replacing(output) as folder:
        folder.mkdir(parents=True)
        work.gather(folder if cubes else None)
        work.write_map(folder, networks, model.conditions())
        work.write_tables(folder, rdf_largest_distance_angstrom)
        work.write_pictures(folder)
        if source is not None:
            work.write_states(folder, source, chosen, of_atoms=ldos is not None)
        write_document(folder / "analysis.json", {"provenance": record})
    logger.info("%s: %s", output, ", ".join(sorted(path.name for path in output.iterdir())))


def _require_new(output: Path) -> None:
    if output.exists():
        raise DataError(
            "the output folder exists",
            where=str(output),
            remedy="name another one: --output, or remove it",
        )


def _read(density: Path, structure: Path) -> tuple[StoredDensity, Atoms]:
    """The density and its structure, which must fit together."""
    data, cell = StoredDensity(density), read_structure(structure)
    check_cell(data.cell, cell, density)
    _warn_of_another_file(density, structure)
    return data, cell


def _require_atoms(chosen: Sequence[int], ldos: Path | None, cell: Atoms) -> None:
    """Raise ConfigError if atoms are not in the cell, or there are no states to project."""
    require_option(ldos is not None or not chosen, "atoms", "--ldos with it", chosen)
    known = all(0 <= one < len(cell) for one in chosen)
    require_option(known, "atoms", f"numbers from 0 to {len(cell) - 1}", chosen)


def _record(
    inputs: Sequence[Path], cuts: Cuts, parts: Parts, width: float, map_spacing: float
) -> dict[str, Any]:
    """What decides the numbers of an analysis."""
    return {
        **versions("analyse"),
        "inputs": checksums(inputs),
        **{"axis": cuts.axis, "at": list(cuts.places), "miller": cuts.miller},
        **{"width_angstrom": width, "map_spacing_angstrom": map_spacing},
        **{"regions": parts.texts, "isosurface": cuts.isosurface},
        "macroscopic_angstrom": cuts.macroscopic_angstrom,
    }


def _warn_of_another_file(density: Path, structure: Path) -> None:
    """Say if the density was not predicted from this file: its atoms may be elsewhere."""
    made_from = read_provenance(density).get("inputs")
    here = checksums([structure]).values()
    if isinstance(made_from, dict) and made_from and not set(here) & set(made_from.values()):
        logger.warning(
            "%s was not predicted from the file %s, but from other contents (%s): the cell is the "
            "same, and nothing tells whether the atoms are",
            density,
            structure,
            ", ".join(made_from),
        )


def _networks(model: Model, cell: Atoms) -> Surrogate | None:
    model.conditions()  # before anything is read
    if model.surrogate is None:
        return None
    networks = read_surrogate(model.surrogate)
    check_elements(networks, cell)
    return networks


def _source(
    ldos: Path | None,
    networks: Surrogate | None,
    cell: Atoms,
    data: StoredDensity,
    model: Model,
    parts: Parts,
) -> LdosSource | None:
    """Where states come from: what is stored, or else the surrogate, if there are parts."""
    if ldos is not None:
        stored = StoredLdos(ldos)
        check_cell(np.asarray(stored.cell), cell, ldos)
        return stored
    if networks is not None and parts.texts:
        return PredictedLdos(networks, cell, data.shape, model.conditions())
    return None
