"""Energies of all reference LDOS against DFT, before any training."""

import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.ldos_store import LdosData, read_ldos
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.formats.upf.reader import read_upf
from surrogate_hpo.labels.floors import BLIND, Floor, floor_of, large_floors, statistics
from surrogate_hpo.labels.import_guards import check_imported
from surrogate_hpo.predict.energies import REFERENCE_LDOS, reference_energies
from surrogate_hpo.predict.ldos_energies import energies_of
from surrogate_hpo.run.interface import Input, LdosStores, Output, Structures
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.stages.floor.settings import FloorSettings

logger = logging.getLogger(__name__)


def floor(
    *,
    settings: FloorSettings,
    seed: int,
    config: Config,
    structures: Structures,
    dft: Annotated[list[Path], Input("JSON of the DFT runs of the same snapshots")],
    ldos: LdosStores,
    pseudopotentials: Annotated[list[Path], Input("UPF files")],
    table: Annotated[Path, Output("CSV: a row per snapshot, LDOS minus DFT, meV/atom, meV")],
    summary: Annotated[Path, Output("JSON: mean, scatter, largest error; warnings")],
) -> None:
    """Integrate the reference LDOS of every snapshot to all energies, and compare with DFT.

    No surrogate that learns this LDOS can be better. Large errors are warned of with their usual
    causes; of finished calculations, above `ldos.largest_reference_error_mev_per_atom`, they are
    an error. What k points and cutoff lack is on both sides and is not seen.
    """
    potentials = {p.element: p for p in map(read_upf, pseudopotentials)}
    floors, warnings, read = [], [], list(zip(structures, dft, ldos, strict=True))
    for structure, dft_path, ldos_path in read:
        name, result, data = dft_path.stem, read_dft_result(dft_path), read_ldos(ldos_path)
        if config.snapshots.finished:
            warnings += _imported(config, name, data, result)
        atoms = read_structure(structure)
        integrated = energies_of(name, REFERENCE_LDOS, data, data.values, atoms, result, potentials)
        floors.append(floor_of(reference_energies(name, result), integrated))
        logger.info(
            "%s: total free energy %+.2f, band energy %+.2f meV/atom, Fermi energy %+.1f meV",
            name,
            floors[-1].total,
            floors[-1].errors["band_energy"],
            floors[-1].errors["fermi_energy"],
        )
    for warning in large_floors(floors, settings.warning_mev_per_atom):
        logger.warning(warning)
        warnings.append(warning)
    logger.info(BLIND)
    if config.snapshots.finished:
        _refuse(config, floors)
    write_table(table, [one.as_row() for one in floors])
    inputs = [*structures, *dft, *ldos, *pseudopotentials]
    write_document(
        summary,
        {
            "snapshots": len(floors),
            "errors_mev_per_atom": statistics(floors),
            "warnings": warnings,
            "cannot_see": BLIND,
            "provenance": provenance("floor", settings, seed, inputs),
        },
    )


def _imported(config: Config, name: str, data: LdosData, result: DftResult) -> list[str]:
    limits = config.ldos.import_limits()
    if _summed_here(config, name):
        limits = replace(limits, error_mev_per_atom=math.inf)
    source = config.snapshots.source_of(name)
    return [f"{source}: {s}" for s in check_imported(data, result, limits, where=source)]


def _summed_here(config: Config, name: str) -> bool:
    """Whether the LDOS was summed from wavefunctions, so that its axis and kernel are known."""
    calculation = open_finished(config.snapshots.source_of(name))
    return calculation.wavefunctions(config.ldos.request()) is not None


def _refuse(config: Config, floors: list[Floor]) -> None:
    limit = config.ldos.largest_reference_error_mev_per_atom
    declared = [floor for floor in floors if not _summed_here(config, floor.snapshot)]
    off = [floor for floor in declared if abs(floor.total) > limit]
    if off:
        raise DataError(
            "the LDOS of finished calculations have other total energies than the calculations",
            where=config.snapshots.source_of(max(off, key=lambda one: abs(one.total)).snapshot),
            expected=f"differences of at most {limit:g} meV/atom",
            got="; ".join(large_floors(declared, limit)),
            remedy="see to the causes; where you accept it as a floor: raise "
            "ldos.largest_reference_error_mev_per_atom",
        )
