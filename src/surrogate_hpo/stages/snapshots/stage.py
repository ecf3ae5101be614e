"""Atomic configurations: thermal ones of a cell, the user's own, or of finished calculations."""

from pathlib import Path
from typing import Annotated

from ase import Atoms

from surrogate_hpo.dft.strain import randomly_strained
from surrogate_hpo.dft.thermal import thermal_displacements, thermal_frame
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.formats.finished.opening import open_finished
from surrogate_hpo.formats.structures.structures import (
    checked_structure,
    read_structure,
    write_structure,
)
from surrogate_hpo.run.interface import Output, SnapshotName
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.run.rest import rest_structure
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings
from surrogate_hpo.stages.snapshots.settings_groups import SnapshotPlan


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
    atoms = checked_structure(make_snapshot(settings, snapshot, seed=seed), snapshot)
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
        Periodic structure, Å, with what is known of its making in `info`: `temperature_kelvin`,
        `strain_percent`, `random_strain_percent`, and the `shape` of a supercell.

    Raises
    ------
    ConfigError
        If there is no such snapshot, the cell cannot be built, or its only atom cannot move.
    """
    own_seed = derive_seed(seed, "snapshots", snapshot)
    try:
        plan = settings.plan_of(snapshot)
    except KeyError as error:
        raise ConfigError(
            "the config has no snapshot of this name",
            where=f"--snapshot {snapshot}",
            expected=f"one of {', '.join(settings.all_names())}",
        ) from error
    if settings.finished:
        return open_finished(plan.source).structure()
    atoms = read_structure(plan.source) if plan.cell is None else _thermal(settings, plan, own_seed)
    labels = {
        "temperature_kelvin": plan.temperature_kelvin,
        "strain_percent": plan.strain_percent,
        "random_strain_percent": plan.random_strain_percent,
    }
    atoms.info |= {key: value for key, value in labels.items() if value is not None}
    return atoms


def _thermal(settings: SnapshotsSettings, plan: SnapshotPlan, seed: int) -> Atoms:
    cell = rest_structure(plan)
    if len(cell) == 1:
        raise ConfigError(
            "the only atom of a cell cannot move: its snapshots would all be the same",
            where="snapshots",
            expected="two atoms or more",
            got="one",
            remedy="give `cubic: true` or `repeat` of the cell, or `supercell_atoms` of a group",
        )
    if plan.random_strain_percent:
        strain_seed = derive_seed(seed, "snapshots", "strain")
        cell = randomly_strained(cell, plan.random_strain_percent, seed=strain_seed)
    temperature = plan.temperature_kelvin or settings.temperature_kelvin
    if settings.method == "molecular_dynamics":
        return thermal_frame(
            cell,
            temperature=temperature,
            time_step=settings.time_step_femtosecond,
            equilibration_steps=settings.equilibration_steps,
            seed=seed,
        )
    return thermal_displacements(
        cell,
        temperature=temperature,
        # The config model has made sure of it.
        debye_waller_b=settings.debye_waller_b_angstrom2 or 0.0,
        reference_temperature=settings.debye_waller_temperature_kelvin,
        seed=seed,
    )
