"""Structures that move by a surrogate's forces: do they relax to the crystal, is energy conserved.

1. Relaxation: aluminium displaced at random, four atoms by the tutorial's surrogate and 32 by the
   flagship's; how far from the sites of the crystal it ends, a common shift taken away. With
   --pwx also the energy that pw.x has for the 32 atoms where they end, above that of the crystal
   (some ten minutes).
2. Microcanonical dynamics of 32 atoms by the flagship's surrogate: drift, temperature.
3. Beside it the same start, steps and velocities by EMT forces: radial distribution functions, in
   rdf.csv and rdf.png of the run.

Interrupted, it goes on when it is called again; the runs are kept in benchmarks/out/dynamics.

    python benchmarks/dynamics.py [--tutorial results] [--flagship results-flagship] [--steps 150]
        [--pwx config/flagship.yaml] [--grid 32 32 32] [--threads 1]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.geometry import find_mic
from ase.io import iread, write
from ase.neighborlist import neighbor_list
from select_data import computed

from surrogate_hpo.cli import main as command
from surrogate_hpo.config.load import load_config
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.simulation.dynamics import DynamicsMotion, DynamicsSettings

OUT = Path("benchmarks/out/dynamics.json")
RUNS = Path("benchmarks/out/dynamics")
LATTICE_CONSTANT = 4.05
# Half of it goes into the lattice.
FIRST_TEMPERATURE = 600.0
EVERY = 10


def main(options: argparse.Namespace) -> None:
    RUNS.mkdir(parents=True, exist_ok=True)
    cells = [(options.tutorial, 1, 0.08), (options.flagship, 2, 0.05)]
    document: dict[str, Any] = {
        f"relaxation_{4 * size**3}_atoms": relaxation(
            run / "surrogate/surrogate.pt", size, displacement
        )
        for run, size, displacement in cells
    }
    if options.pwx is not None:
        document["relaxed_32_atoms_above_crystal_mev_per_atom"] = above_crystal(options.pwx)
    given = ["--threads", str(options.threads)]
    if options.grid is not None:
        given += ["--grid", *map(str, options.grid)]
    document |= dynamics(options.flagship / "surrogate/surrogate.pt", options.steps, given)
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def crystal(size: int) -> Atoms:
    """Cubic cells of aluminium."""
    atoms: Atoms = bulk("Al", "fcc", a=LATTICE_CONSTANT, cubic=True) * size
    return atoms


def relaxation(surrogate: Path, size: int, displacement: float) -> dict[str, Any]:
    """Distance from the sites of the crystal before and after, Å; displacement is their RMS."""
    perfect, start = crystal(size), crystal(size)
    start.rattle(displacement, seed=1)
    name = f"relax-{len(start)}"
    write(RUNS / f"{name}.xyz", start, format="extxyz")
    command(
        ["relax", str(surrogate), str(RUNS / f"{name}.xyz"), "--output", str(RUNS / name)],
    )
    summary = json.loads((RUNS / name / "summary.json").read_text())
    final = frames_of(RUNS / name / "final.extxyz")[0]
    wanted = ("steps", "converged", "largest_force_ev_per_angstrom")
    return {
        **{key: summary[key] for key in wanted},
        "energy_change_mev_per_atom": 1000
        * (summary["free_energy_after_ev"] - summary["free_energy_before_ev"])
        / len(start),
        "largest_distance_before_angstrom": from_sites(start, perfect),
        "largest_distance_after_angstrom": from_sites(final, perfect),
    }


def above_crystal(config: Path) -> float:
    """What pw.x has for the relaxed cell above the crystal; meV/atom.

    The shifted mesh of the large cubic cell is that of the small one, folded: a crystal of 4 atoms
    is the same calculation as one of 32.
    """
    loaded = load_config([config])
    relaxed = frames_of(RUNS / "relax-32" / "final.extxyz")[0]
    relaxed.calc = None
    energies = [
        computed(loaded, atoms, RUNS / f"pwx-{len(atoms)}").get_potential_energy(
            force_consistent=True
        )
        / len(atoms)
        for atoms in (relaxed, crystal(1))
    ]
    return 1000 * float(energies[0] - energies[1])


def frames_of(path: Path) -> list[Atoms]:
    """All structures of a file."""
    return list(iread(path, index=":"))


def from_sites(atoms: Atoms, perfect: Atoms) -> float:
    """Largest distance of an atom from its site, without a shift of all of them."""
    vectors, _ = find_mic(atoms.positions - perfect.positions, perfect.cell)
    return float(np.linalg.norm(vectors - vectors.mean(0), axis=1).max())


def dynamics(surrogate: Path, steps: int, given: list[str]) -> dict[str, Any]:
    """Drift, temperature, and the radial distribution beside that of EMT; options as they are."""
    write(RUNS / "crystal.xyz", crystal(2), format="extxyz")
    reference, by_emt = emt_frames(steps), RUNS / "emt.extxyz"
    write(by_emt, reference)
    folder = RUNS / "nve"
    command(
        [
            *("dynamics", str(surrogate), str(RUNS / "crystal.xyz"), "--output", str(folder)),
            *("--steps", str(steps), "--temperature-kelvin", str(FIRST_TEMPERATURE)),
            *("--every", str(EVERY), "--reference", str(by_emt), *given),
        ]
    )
    summary = json.loads((folder / "summary.json").read_text())
    frames = frames_of(folder / "trajectory.extxyz")
    half = len(frames) // 2
    kept = (
        *("steps", "drift_mev_per_atom_per_picosecond", "fluctuation_mev_per_atom"),
        *("mean_temperature_kelvin", "mean_temperature_of_second_half_kelvin"),
    )
    return {
        **{key: summary[key] for key in kept},
        "descriptors_outside": summary["descriptors_outside_of_training_range"],
        "frames_of_second_half": len(frames) - half,
        "nearest_neighbours_angstrom": {
            "surrogate": nearest_neighbours(frames[half:]),
            "emt": nearest_neighbours(reference[half:]),
        },
        "emt_mean_temperature_of_second_half_kelvin": float(
            np.mean([frame.get_temperature() for frame in reference[half:]])
        ),
        "radial_distribution": summary["radial_distribution"] | noise(folder / "rdf.csv"),
    }


def emt_frames(steps: int) -> list[Atoms]:
    """Frames of the same run by forces of effective medium theory."""
    atoms = crystal(2)
    atoms.calc = EMT()
    motion = DynamicsMotion(atoms, DynamicsSettings("nve", FIRST_TEMPERATURE))
    frames = []
    for step in range(steps + 1):
        if step:
            motion.step()
        if step % EVERY == 0:
            frames.append(atoms.copy())
    return frames


def noise(path: Path) -> dict[str, float | None]:
    """Where both differ most, Å, and in how many standard errors of the difference."""
    columns = ("surrogate", "surrogate_standard_error", "reference", "reference_standard_error")
    rows = read_table(path, columns=("distance_angstrom", *columns))
    distance = np.array([float(row["distance_angstrom"]) for row in rows])
    here, own, there, other = (
        np.array([float(row[name] or "nan") for row in rows]) for name in columns
    )
    difference, error = np.abs(here - there), np.hypot(own, other)
    known = error > 0
    return {
        "largest_difference_at_angstrom": float(distance[difference.argmax()]),
        "rms_difference_in_standard_errors": (
            float(np.sqrt(np.mean((difference[known] / error[known]) ** 2)))
            if known.any()
            else None
        ),
    }


def nearest_neighbours(frames: list[Atoms]) -> dict[str, float]:
    """Mean and standard deviation of the distances of the twelve neighbours on the lattice, Å."""
    first, second, shift = neighbor_list("ijS", crystal(2), 3.2)
    distances = np.concatenate(
        [
            np.linalg.norm(
                frame.positions[second] + shift @ frame.cell[:] - frame.positions[first], axis=1
            )
            for frame in frames
        ]
    )
    return {"mean": float(distances.mean()), "std": float(distances.std())}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tutorial", type=Path, default=Path("results"))
    parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
    parser.add_argument("--pwx", type=Path, help="config with the settings of dft")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--grid", type=int, nargs=3, help="points of the dynamics, if not DFT's")
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
