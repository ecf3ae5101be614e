"""A linear SNAP potential from energies and forces, with its errors and its form for LAMMPS."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.config.project import Config
from surrogate_hpo.data.potentials import write_potential
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.lammps.potential_files import write_lammps_potential
from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.provenance import provenance
from surrogate_hpo.seeds import derive_seed
from surrogate_hpo.stages.potential.columns import COLUMNS, FORCE_COLUMNS
from surrogate_hpo.stages.potential.inputs import read_material
from surrogate_hpo.stages.potential.judge import Judged, class_summaries, judge, summary_of
from surrogate_hpo.stages.potential.settings import PotentialSettings

logger = logging.getLogger(__name__)


Snapshots = Annotated[
    list[Path] | None, Input("extxyz files of the training snapshots; Å; none with own files")
]
SnapshotsDft = Annotated[
    list[Path] | None, Input("JSON of their DFT runs: energies in eV, forces in eV/Å")
]
HeldOut = Annotated[list[Path] | None, Input("extxyz files of the held-out snapshots; Å")]
HeldOutDft = Annotated[list[Path] | None, Input("JSON of their DFT runs; eV, eV/Å")]


def potential(
    *,
    settings: PotentialSettings,
    seed: int,
    config: Config,
    structures: Snapshots = None,
    dft: SnapshotsDft = None,
    test_structures: HeldOut = None,
    test_dft: HeldOutDft = None,
    atoms: Annotated[
        Sequence[Path],
        Input("torch file of `ados_atoms`, where potential.hyperparameters.selection is acsd"),
    ] = (),
    potential: Annotated[Path, Output("JSON: the potential; `PotentialCalculator` reads it")],
    table: Annotated[Path, Output("CSV: a row per held-out structure; meV/atom, meV/Å, GPa")],
    forces: Annotated[Path, Output("CSV: a row per component of the known forces; eV/Å")],
    summary: Annotated[Path, Output("JSON: what was chosen, and errors in meV/atom and meV/Å")],
    lammps_coefficients: Annotated[Path, Output("LAMMPS: coefficients of pair_style snap, eV")],
    lammps_parameters: Annotated[Path, Output("LAMMPS: cutoff (Å) and conventions of the same")],
    lammps_commands: Annotated[Path, Output("LAMMPS: pair style and coefficients, to include")],
) -> None:
    """Fit an interatomic potential to the training snapshots and judge it on the held-out ones.

    Linear SNAP on top of a pair potential; cutoff radius, 2·J_max, weight of the forces and
    penalty are chosen by leaving out one training snapshot after the other. `potential.files`
    takes the place of the snapshots where it names structures. Structures of
    `transfer.structures` are judged as well.
    """
    beyond = config.transfer.structures
    known, held_out = (structures or [], dft or []), (test_structures or [], test_dft or [])
    material = read_material(settings, known, held_out, beyond, atoms)
    made = fit_potential(material.training, settings.options(), derive_seed(seed, "potential"))
    _tell(made)
    sets = {
        kind: judge(made, material.training, judged, kind)
        for kind, judged in (("test", material.test), ("transfer", material.transfer))
    }
    rows = [row for judged in sets.values() for row in judged]
    own = [Path(file) for file in [*settings.own_files, *config.transfer.files]]
    read = [path for paths in (*known, *held_out, atoms, own) for path in paths]
    record = provenance("potential", settings, seed, read)
    write_potential(potential, made, record)
    write_lammps_potential(
        made,
        coefficients=lammps_coefficients,
        parameters=lammps_parameters,
        commands=lammps_commands,
    )
    if made.networks is not None:
        logger.warning("the files for LAMMPS have the linear part alone, without the networks")
    write_table(table, [row.as_row() for row in rows], columns=COLUMNS)
    of_forces = [entry for row in rows for entry in row.force_rows()]
    write_table(forces, of_forces, columns=FORCE_COLUMNS)
    write_document(
        summary,
        {
            "chosen": _chosen(made),
            **_told_errors(sets),
            "classes": class_summaries(rows),
            "stress_left_out": "; ".join(made.stress_warnings) or None,
            "cost": {"cpu_microseconds_per_atom_and_step": _pace(rows)},
            "provenance": record,
        },
    )


def _told_errors(sets: Mapping[str, Sequence[Judged]]) -> dict[str, Any]:
    """Errors of each set of structures, told in the log as well; None for an empty one."""
    found = {kind: summary_of(judged) for kind, judged in sets.items()}
    for kind, errors in found.items():
        if errors is not None:
            logger.info(
                "%s: energies %.2f meV/atom (baseline %.2f), forces %.1f meV/Å of %.1f",
                kind,
                errors["energy_mae_mev_per_atom"],
                errors["energy_baseline_mev_per_atom"],
                errors["force_rmse_mev_per_angstrom"],
                errors["rms_force_mev_per_angstrom"],
            )
    return found


def _chosen(made: Potential) -> dict[str, object]:
    return {
        "model": "linear SNAP",
        "elements": list(made.descriptor.elements),
        "cutoff_radius_angstrom": made.descriptor.cutoff_radius,
        "twojmax": made.descriptor.twojmax,
        "features": made.descriptor.features,
        "prior": None if made.prior is None else type(made.prior).__name__.lower(),
        "members": len(made.members),
        **made.details,
    }


def _tell(made: Potential) -> None:
    chosen = _chosen(made)
    logger.info(
        "linear SNAP with %s coefficients: cutoff %s Å, 2 J_max %s, penalty %.1e; left-out "
        "snapshots: %.2f meV/atom, %.1f meV/Å",
        chosen["features"],
        chosen["cutoff_radius_angstrom"],
        chosen["twojmax"],
        chosen["penalty"],
        chosen["left_out_energy_rmse_mev_per_atom"],
        chosen["left_out_force_rmse_mev_per_angstrom"],
    )


def _pace(rows: list[Judged]) -> float | None:
    """CPU microseconds per atom of energy, forces and stress; the first waits for compiled code."""
    later = rows[1:]
    atoms = sum(len(row.one.atoms) for row in later)
    return 1e6 * sum(row.seconds for row in later) / atoms if atoms else None
