"""Relax a structure with a surrogate: positions, and the cell where its stress means something."""

import logging
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.documents import write_document
from surrogate_hpo.formats.structures.predicted import write_predicted
from surrogate_hpo.predict.options import STANDARD, PredictionOptions
from surrogate_hpo.predict.prediction_forces import stress_warnings
from surrogate_hpo.run.interface import (
    Anew,
    Option,
    Output,
    Positional,
    require_option,
)
from surrogate_hpo.simulation.motion import EXCESS, FRACTION, Ending, Schedule, advance
from surrogate_hpo.simulation.recording import FINAL, SUMMARY, Recording
from surrogate_hpo.simulation.relaxation import RelaxationMotion
from surrogate_hpo.simulation.start import Start, outcome, read_start, recorded

logger = logging.getLogger(__name__)


def relax(
    *,
    surrogate: Annotated[Path, Positional("file of the surrogate stage")],
    structure: Annotated[str, Positional("file that ASE reads, or file@index; Å")],
    output: Annotated[Path, Output("folder")],
    cell: Annotated[bool, Option("relax the cell, too; needs training at several volumes")] = False,
    fmax_ev_per_angstrom: Annotated[float, Option("largest force at the end, eV/Å; 0.01")] = 0.01,
    max_steps: Annotated[int, Option("steps at most; 200")] = 200,
    anew: Anew = False,
    options: PredictionOptions = STANDARD,
) -> str:
    """Move atoms to the nearest minimum of the predicted free energy; the grid stays.

    Writes log.csv, trajectory.extxyz (each step with energy and forces), final.extxyz and
    summary.json (energies before and after, largest force, whether it has converged, expected
    error, extrapolation). Interrupted and run again with the same options it goes on, with the
    numbers of an undisturbed run. See docs/howto/dynamics.md.
    """
    force = fmax_ev_per_angstrom
    require_option(0 < force < 10, "fmax-ev-per-angstrom", "more than 0 eV/Å", force)
    require_option(max_steps > 0, "max-steps", "1 or more", max_steps)
    conditions = options.conditions()
    start = read_start(surrogate, structure, conditions, output)
    if cell:
        _refuse_without_stress(start.surrogate, surrogate)
    origin = start.origin() | {"verb": "relax", "cell": cell, "fmax_ev_per_angstrom": force}
    with Recording(output, origin, anew=anew) as recording:
        require_option(
            recording.step <= max_steps, "max-steps", f"{recording.step} or more", max_steps
        )
        atoms = start.atoms.copy()
        atoms.calc = start.calculator(output)
        motion = RelaxationMotion(atoms, force, cell=cell)
        ending = advance(motion, recording, Schedule(max_steps))
        write_predicted(output / FINAL, [outcome(atoms, ending.step)])
        summary = _summary(start, ending, recording.column("free_energy_ev")[0], structure)
        write_document(output / SUMMARY, summary)
    for warning in atoms.calc.results["warnings"]:
        logger.warning(warning)
    if ending.fault is not None:
        raise ending.fault
    return _told(summary, output)


def _refuse_without_stress(surrogate: Surrogate, file: Path) -> None:
    warnings = stress_warnings(surrogate)
    if warnings:
        raise ConfigError(
            "this surrogate cannot relax a cell: its stress means nothing",
            where="--cell",
            expected="a surrogate that was trained on cells of several volumes",
            got=f"{file}: {warnings[0]}",
            remedy="leave out --cell, or train with groups of snapshots at other volumes: "
            "docs/howto/dynamics.md",
        )


def _summary(start: Start, ending: Ending, before: float, source: str) -> dict[str, Any]:
    row = ending.row
    return {
        "formula": start.atoms.get_chemical_formula(),
        "atoms": len(start.atoms),
        "steps": ending.step,
        "converged": ending.done,
        "stopped_by": None if ending.fault is None else str(ending.fault),
        "free_energy_before_ev": before,
        "free_energy_after_ev": row["free_energy_ev"],
        "free_energy_error_bar_ev": row["free_energy_error_bar_ev"],
        "largest_force_ev_per_angstrom": row["largest_force_ev_per_angstrom"],
        "volume_cubic_angstrom": row["volume_cubic_angstrom"],
        "descriptors_outside_of_training_range": {
            "fraction_of_points": row[FRACTION],
            "largest_excess_in_standard_deviations": row[EXCESS],
        },
        "grid": list(start.conditions.grid or ()),
        "provenance": recorded("relax", start, source),
    }


def _told(summary: dict[str, Any], output: Path) -> str:
    change = summary["free_energy_after_ev"] - summary["free_energy_before_ev"]
    word = "converged" if summary["converged"] else "NOT converged: more with --max-steps"
    return (
        f"{output}: {word}, {summary['steps']} steps, energy {change:+.6f} eV, largest force "
        f"{summary['largest_force_ev_per_angstrom']:.2g} eV/Å"
    )
