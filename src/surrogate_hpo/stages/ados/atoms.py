"""One of the jobs of the ados stage: the density of states of each atom, and its surroundings."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from ase import Atoms

from surrogate_hpo.data.datasets import check_same_cell
from surrogate_hpo.data.ldos_store import LdosData, read_ldos
from surrogate_hpo.descriptors.definition import DEFINITION_KEYS, DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.interruption import stop_if_asked
from surrogate_hpo.physics.atom_partition import atom_dos
from surrogate_hpo.run.interface import Input, LdosStores, Output, State, Structures
from surrogate_hpo.run.provenance import fingerprint, provenance
from surrogate_hpo.stages.ados.atom_data import (
    AtomData,
    SnapshotAtoms,
    atom_vectors,
    elements_of,
    write_atom_data,
)
from surrogate_hpo.stages.ados.settings import AdosSettings
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings

logger = logging.getLogger(__name__)


def ados_atoms(
    *,
    settings: AdosSettings,
    seed: int,
    descriptors_settings: DescriptorsSettings,
    structures: Structures,
    ldos: LdosStores,
    acsd: Annotated[Path, Input("JSON: the choice of the acsd stage")],
    atoms: Annotated[Path, Output("torch file: vectors and densities of states of all atoms")],
    state: Annotated[Path, State("folder of the snapshots that are finished")],
) -> None:
    """Share the LDOS of every snapshot among its atoms, and describe their surroundings.

    The shares are a partition of unity: those of all atoms add up to the density of states.
    A killed job goes on with the next snapshot.
    """
    if len(structures) != len(ldos) or not ldos:
        raise DataError(
            "structures and LDOS stores do not pair up",
            expected=f"{len(structures)} LDOS stores, one per structure",
            got=str(len(ldos)),
            remedy="run the ldos stage for all snapshots",
        )
    definition = _definition(settings, descriptors_settings, acsd)
    read = {path.stem: read_structure(path) for path in structures}
    elements = elements_of(list(read.values()))
    record = provenance("ados", settings, seed, [*structures, *ldos, acsd])
    folder = state / fingerprint(record)
    finished, axis = EvaluationStore(folder), None
    for (name, one), path in zip(read.items(), ldos, strict=True):
        axis = _common_axis(axis, path)
        if name not in finished:
            stop_if_asked(f"{len(finished)} of {len(read)} snapshots ({folder})")
            finished[name] = _shared(settings, one, path)
        logger.info("%s: %d atoms, %d grid points", name, len(one), finished[name]["grid_points"])
    assert axis is not None  # noqa: S101 - there is a store
    snapshots = {
        name: _snapshot(finished[name], one, definition, elements) for name, one in read.items()
    }
    write_atom_data(atoms, AtomData(snapshots, definition, elements, axis), record)
    shutil.rmtree(folder)


def _definition(
    settings: AdosSettings, grid: DescriptorsSettings, acsd: Path
) -> DescriptorDefinition:
    """The descriptor of the grid, with the cutoff and 2 J_max of the section if it names them."""
    chosen = DescriptorDefinition.from_document(read_document(acsd, keys=DEFINITION_KEYS))
    found = replace(
        grid.with_cell(chosen),
        cutoff_radius=settings.cutoff_radius_angstrom or chosen.cutoff_radius,
        twojmax=settings.twojmax or chosen.twojmax,
    )
    if settings.width_angstrom > found.cutoff_radius:
        raise ConfigError(
            "the atoms share space over a distance that their descriptor does not see",
            where="ados.width_angstrom",
            expected=f"at most the cutoff radius, {found.cutoff_radius:g} Å; 1.3 Å is usual",
            got=f"{settings.width_angstrom:g} Å",
            remedy="lower it, or raise ados.cutoff_radius_angstrom",
        )
    return found


def _common_axis(known: LdosAxis | None, path: Path) -> LdosAxis:
    """The energy axis of a store, which must be that of the others."""
    axis = read_ldos(path, slice(0, 1)).axis
    if known is not None and not known.agrees(axis):
        raise DataError(
            "LDOS stores have different energy axes or kernels",
            where=str(path),
            expected=str(known),
            got=str(axis),
            remedy="delete results/ldos and run the workflow again with one set of ldos settings",
        )
    return axis


def _shared(settings: AdosSettings, atoms: Atoms, path: Path) -> dict[str, Any]:
    data = read_ldos(path)
    check_same_cell(atoms.cell.array, data.cell, where=str(path))
    _check_grid(settings, data, path)
    dos = atom_dos(
        data.values,
        atoms.positions,
        data.cell,
        width=settings.width_angstrom,
        block_points=settings.block_points,
    )
    return {"dos_per_ev": dos.tolist(), "grid_points": int(np.prod(data.values.shape[:3]))}


def _check_grid(settings: AdosSettings, data: LdosData, path: Path) -> None:
    shape = np.array(data.values.shape[:3])
    spacing = float((np.linalg.norm(data.cell, axis=1) / shape).max())
    if settings.width_angstrom < spacing:
        raise ConfigError(
            "the grid is too coarse for so narrow a share of the atoms",
            where="ados.width_angstrom",
            expected=f"at least the spacing of the grid of {path}, {spacing:.2f} Å",
            got=f"{settings.width_angstrom:g} Å",
            remedy="raise it; 1.3 Å is usual",
        )


def _snapshot(
    found: Mapping[str, Any],
    atoms: Atoms,
    definition: DescriptorDefinition,
    elements: tuple[str, ...],
) -> SnapshotAtoms:
    vectors = atom_vectors(atoms, definition, elements, where="snapshots")
    return SnapshotAtoms(vectors, np.array(found["dos_per_ev"], np.float64), found["grid_points"])
