"""Atomic configurations: thermal ones of a cell, the user's own, or of finished calculations."""

from pathlib import Path
from typing import Annotated

from ase import Atoms
from ase.build import bulk

from surrogate_hpo.config.snapshots import CellSettings, SnapshotsSettings
from surrogate_hpo.dft.displacements import thermal_displacements
from surrogate_hpo.dft.dynamics import thermal_frame
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.io.finished.opening import open_finished
from surrogate_hpo.io.provenance import provenance
from surrogate_hpo.io.structures import read_structure, write_structure
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.interface import Output, SnapshotName


def snapshots(
    *,
    settings: SnapshotsSettings,
    seed: int,
    snapshot: SnapshotName,
    structure: Annotated[Path, Output("extxyz file of the snapshot; Å")],
) -> None:
    """Make one atomic configuration, with a seed of its own.

    Configurations are independent: each has its own displacements or its own equilibrated
    trajectory, so adding snapshots changes none that exist.
    """
    atoms = make_snapshot(settings, snapshot, seed=seed)
    record = provenance("snapshots", settings, seed, [])
    record |= {"settings": settings.deciding_one(snapshot), "snapshot": snapshot}
    write_structure(structure, atoms, record)


def make_snapshot(settings: SnapshotsSettings, snapshot: str, *, seed: int) -> Atoms:
    """Make the atomic configuration of a name.

    Parameters
    ----------
    settings
        The `snapshots` section.
    snapshot
        Name of the snapshot.
    seed
        Root seed of the config.

    Returns
    -------
    ase.Atoms
        Periodic structure, Å.

    Raises
    ------
    ConfigError
        If there is no such snapshot or the cell cannot be built.
    """
    own_seed = derive_seed(seed, "snapshots", snapshot)
    try:
        source = settings.source_of(snapshot)
    except KeyError as error:
        raise ConfigError(
            "the config has no snapshot of this name",
            where=f"--snapshot {snapshot}",
            expected=f"one of {', '.join(settings.all_names())}",
        ) from error
    if settings.finished:
        return open_finished(source).structure()
    if settings.method == "files":
        return read_structure(source)
    if settings.cell is None or settings.debye_waller_b_angstrom2 is None:
        # The config model has made sure of both; said again for whoever calls from Python.
        raise ConfigError("thermal configurations need a cell", where="snapshots.cell")
    cell = cell_at_rest(settings.cell)
    if settings.method == "molecular_dynamics":
        return thermal_frame(
            cell,
            temperature=settings.temperature_kelvin,
            time_step=settings.time_step_femtosecond,
            equilibration_steps=settings.equilibration_steps,
            seed=own_seed,
        )
    return thermal_displacements(
        cell,
        temperature=settings.temperature_kelvin,
        debye_waller_b=settings.debye_waller_b_angstrom2,
        reference_temperature=settings.debye_waller_temperature_kelvin,
        seed=own_seed,
    )


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
    if settings.file is not None:
        return _repeated(read_structure(settings.file), settings)
    try:
        cell = bulk(
            str(settings.symbol),
            settings.structure,
            a=settings.lattice_constant_angstrom,
            cubic=settings.cubic,
        )
    except (ValueError, RuntimeError, KeyError) as error:
        raise ConfigError(
            "the cell cannot be built",
            where="snapshots.cell",
            got=str(error),
            remedy="use a structure that ASE's `bulk` knows (fcc, bcc, hcp, ...), or a file",
        ) from error
    return _repeated(cell, settings)


def _repeated(cell: Atoms, settings: CellSettings) -> Atoms:
    repeated: Atoms = cell.repeat(settings.repeat)
    return repeated
