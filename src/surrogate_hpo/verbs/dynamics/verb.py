"""Molecular dynamics with a surrogate: NVE or NVT, to be interrupted and continued at any time."""

from pathlib import Path
from typing import Annotated, Any, cast

from surrogate_hpo.files.documents import write_document
from surrogate_hpo.formats.structures.predicted import write_predicted
from surrogate_hpo.predict.contents import FAR
from surrogate_hpo.predict.options import STANDARD, PredictionOptions
from surrogate_hpo.run.interface import (
    Anew,
    Option,
    Output,
    Positional,
    require_option,
)
from surrogate_hpo.simulation.dynamics import (
    TEMPERATURE,
    TIME,
    TOTAL_ENERGY,
    DynamicsMotion,
    DynamicsSettings,
    Ensemble,
    statistics,
)
from surrogate_hpo.simulation.motion import EXCESS, FRACTION, Ending, Schedule, advance
from surrogate_hpo.simulation.radial_distribution import require_distance
from surrogate_hpo.simulation.recording import FINAL, SUMMARY, Recording
from surrogate_hpo.simulation.start import Start, outcome, read_start, recorded
from surrogate_hpo.verbs.dynamics.distribution import Comparison


def dynamics(
    *,
    surrogate: Annotated[Path, Positional("file of the surrogate stage")],
    structure: Annotated[str, Positional("file that ASE reads, or file@index; Å")],
    output: Annotated[Path, Output("folder")],
    steps: Annotated[int, Option("time steps in all; more than before to go on")],
    temperature_kelvin: Annotated[
        float | None, Option("K, of the first velocities and of the thermostat")
    ] = None,
    ensemble: Annotated[
        str, Option("nve (velocity Verlet) or nvt (Langevin); nve if left out")
    ] = "nve",
    time_step_femtosecond: Annotated[float, Option("fs; 1")] = 1.0,
    friction_per_picosecond: Annotated[float, Option("1/ps, of the thermostat; 10")] = 10.0,
    seed: Annotated[int, Option("of velocities and thermostat; 0")] = 0,
    keep_velocities: Annotated[
        bool, Option("start with the velocities of the file, such as final.extxyz of a run")
    ] = False,
    every: Annotated[
        int, Option("steps from one structure of the trajectory to the next; 10")
    ] = 10,
    log_every: Annotated[int, Option("steps between lines of log.csv; 1")] = 1,
    reference: Annotated[
        str | None,
        Option("trajectory whose radial distribution stands beside: file, or file@start:stop; Å"),
    ] = None,
    rdf_largest_distance_angstrom: Annotated[
        float, Option("where the radial distribution ends, Å; 6")
    ] = 6.0,
    largest_extrapolation: Annotated[
        float, Option("standard deviations outside of the training range that end the run; 1")
    ] = FAR,
    anew: Anew = False,
    options: PredictionOptions = STANDARD,
) -> str:
    """Molecular dynamics by forces of the surrogate; the cell and the grid stay.

    Writes log.csv (time, energies, temperature, largest force, extrapolation), trajectory.extxyz,
    final.extxyz, summary.json (drift of the total energy, mean temperature), rdf.csv and rdf.png
    (radial distribution of the second half of the trajectory). Interrupted and run again with the
    same options it goes on, with the numbers of an undisturbed run. Ends with an error where atoms
    overlap or their neighbourhoods leave what the networks were trained on; all until then is
    kept. See docs/howto/dynamics.md.
    """
    settings = DynamicsSettings(
        ensemble=cast(Ensemble, ensemble),  # looked at there
        temperature_kelvin=temperature_kelvin,
        time_step_femtosecond=time_step_femtosecond,
        friction_per_picosecond=friction_per_picosecond,
        seed=seed,
        keep_velocities=keep_velocities,
    )
    require_distance(rdf_largest_distance_angstrom)
    schedule = Schedule(steps, log_every, every, largest_extrapolation)
    conditions = options.conditions()
    start = read_start(surrogate, structure, conditions, output, keep_velocities=keep_velocities)
    comparison = Comparison(start.atoms, rdf_largest_distance_angstrom, reference)
    origin = start.origin() | vars(settings) | {"every": every, "log_every": log_every}
    with Recording(output, {"verb": "dynamics"} | origin, anew=anew) as recording:
        ending = _run(start, recording, settings, schedule)
        summary = _summary(start, recording, ending, settings, structure)
        summary["radial_distribution"] = comparison.write(output)
        write_document(output / SUMMARY, summary)
    if (fault := ending.fault) is not None:
        raise fault
    return _told(summary, output)


def _run(
    start: Start, recording: Recording, settings: DynamicsSettings, schedule: Schedule
) -> Ending:
    kept, steps, folder = recording.step, schedule.steps, recording.folder
    require_option(kept <= steps, "steps", f"{kept} or more, as are kept", steps)
    atoms = start.atoms.copy()
    atoms.calc = start.calculator(folder)
    ending = advance(DynamicsMotion(atoms, settings), recording, schedule)
    write_predicted(folder / FINAL, [outcome(atoms, ending.step)])
    return ending


def _summary(
    start: Start, recording: Recording, ending: Ending, settings: DynamicsSettings, source: str
) -> dict[str, Any]:
    # Without the start: atoms on their sites may lie on grid points, which do not see them.
    time, energy, temperature = (
        recording.column(name)[1:] for name in (TIME, TOTAL_ENERGY, TEMPERATURE)
    )
    found = statistics(time, energy, temperature, len(start.atoms))
    if settings.ensemble != "nve":  # the thermostat gives and takes
        found = {k: None if k.endswith(("picosecond", "per_atom")) else v for k, v in found.items()}
    outside = {name: max(recording.column(name)[1:], default=0.0) for name in (FRACTION, EXCESS)}
    return {
        "formula": start.atoms.get_chemical_formula(),
        "atoms": len(start.atoms),
        "steps": ending.step,
        "time_femtosecond": ending.row[TIME],
        "finished": ending.fault is None,
        "stopped_by": None if ending.fault is None else str(ending.fault),
        **found,
        "descriptors_outside_of_training_range": {
            "largest_fraction_of_points": outside[FRACTION],
            "largest_excess_in_standard_deviations": outside[EXCESS],
        },
        "settings": vars(settings),
        "grid": list(start.conditions.grid or ()),
        "provenance": recorded("dynamics", start, source),
    }


def _told(summary: dict[str, Any], output: Path) -> str:
    parts = [f"{summary['steps']} steps", f"{summary['time_femtosecond']:g} fs"]
    if (temperature := summary["mean_temperature_kelvin"]) is not None:
        parts.append(f"{temperature:.0f} K on average")
    if (drift := summary["drift_mev_per_atom_per_picosecond"]) is not None:
        parts.append(f"drift {drift:.3g} meV/atom/ps")
    return f"{output}: {', '.join(parts)}"
