"""Cells of the snapshots at rest: before their atoms are displaced."""

from ase import Atoms
from ase.build import bulk

from surrogate_hpo.config.frames import file_of
from surrogate_hpo.dft.strain import strained
from surrogate_hpo.dft.supercells import shaped_supercell
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.structures.frames import first_frame
from surrogate_hpo.formats.structures.structures import (
    read_structure,
)
from surrogate_hpo.stages.snapshots.settings_cells import CellSettings
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan


def rest_structure(plan: SnapshotPlan) -> Atoms:
    """Build the cell at rest of a snapshot, in its shape and strained as it says.

    Parameters
    ----------
    plan
        What makes the snapshot.

    Returns
    -------
    ase.Atoms
        Atoms at their sites, Å.

    Raises
    ------
    ConfigError
        If ASE cannot build it, or it has no supercell of this number of atoms.
    """
    if plan.cell is None:
        raise ConfigError("thermal configurations need a cell", where="snapshots.cell")
    if plan.supercell_atoms is None or plan.shape is None:
        atoms = cell_at_rest(plan.cell)
    else:
        atoms = shaped_supercell(
            _unit_cell(plan.cell, cubic=False), plan.supercell_atoms, shape=plan.shape
        )
    return strained(atoms, plan.strain_percent) if plan.strain_percent else atoms


def cell_at_rest(settings: CellSettings) -> Atoms:
    """Build the cell, or read it from its file.

    Parameters
    ----------
    settings
        `snapshots.cell`.

    Returns
    -------
    ase.Atoms
        Atoms at their sites, Å.

    Raises
    ------
    ConfigError
        If ASE cannot build it.
    """
    repeated: Atoms = _unit_cell(settings, cubic=settings.cubic).repeat(settings.repeat)
    return repeated


def _unit_cell(settings: CellSettings, *, cubic: bool) -> Atoms:
    if settings.file is not None:
        return read_structure(settings.file)
    try:
        return bulk(
            str(settings.symbol),
            settings.structure,
            a=settings.lattice_constant_angstrom,
            cubic=cubic,
        )
    except (ValueError, RuntimeError, KeyError, TypeError, AssertionError) as error:
        raise ConfigError(
            "the cell cannot be built",
            where="snapshots.cell",
            got=str(error) or settings.structure,
            remedy="use a structure that ASE's `bulk` knows (fcc, bcc, hcp, ...), or a file",
        ) from error


def structure_at_rest(plan: SnapshotPlan) -> Atoms:
    """The cell of a snapshot that is not finished, before it is displaced.

    Parameters
    ----------
    plan
        What makes the snapshot.

    Returns
    -------
    ase.Atoms
        Its cell at rest; of own files the first frame.
    """
    return first_frame(file_of(plan.source)) if plan.cell is None else rest_structure(plan)
