"""The potential of a finished flagship run: errors, cost, LAMMPS.

1. Errors of held-out cells of 32 atoms (`benchmarks/data/aluminium_32_atoms_forces.extxyz`).
2. CPU time per atom and step of the calculator, and of LAMMPS with the exported files, which must
   have the same energy.

    python benchmarks/potential.py [--flagship results-flagship]

needs `snakemake potential` in that run. It adds to what benchmarks/out/atoms.json holds.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from surrogate_hpo.data.potentials import read_potential
from surrogate_hpo.formats.lammps.engine import find_lammps
from surrogate_hpo.formats.lammps.potential_files import lammps_files
from surrogate_hpo.formats.lammps.single_point import SinglePoint, lammps_single_point
from surrogate_hpo.formats.structures.labelled import read_labelled
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.stages.potential.judge import judge, summary_of

OUT = Path("benchmarks/out/atoms.json")
FRAMES = "benchmarks/data/aluminium_32_atoms_forces.extxyz"
REPEATS = 5


def main(options: argparse.Namespace) -> None:
    path = options.flagship / "potential/potential.json"
    potential = read_potential(path)
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    document |= {**errors(potential), **pace(potential)}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def errors(potential: Potential) -> dict[str, Any]:
    """Of energies and forces of 32 atoms."""
    data = [
        Labelled(frame.atoms, frame.where, frame.total_free_energy, frame.forces)
        for frame in read_labelled([FRAMES])
    ]
    found = summary_of(judge(potential, [], data, "test")) or {}
    return {
        "potential_energy_mae_mev_per_atom": found["energy_mae_mev_per_atom"],
        "potential_force_rmse_mev_per_angstrom": found["force_rmse_mev_per_angstrom"],
        "rms_force_mev_per_angstrom": found["rms_force_mev_per_angstrom"],
    }


def pace(potential: Potential) -> dict[str, float]:
    """CPU microseconds per atom and step, and how far LAMMPS' energy is from ours."""
    atoms = read_labelled([f"{FRAMES}@0"])[0].atoms
    potential.predict(atoms)
    started = time.process_time()
    for _ in range(REPEATS):
        found = potential.predict(atoms)
    here = (time.process_time() - started) / REPEATS
    said, without = in_lammps(potential, atoms, 0)
    _, seconds = in_lammps(potential, atoms, 10 * REPEATS)
    forces = said.columns @ said.rotation.T
    return {
        "microseconds_per_atom_step": 1e6 * here / len(atoms),
        "lammps_microseconds_per_atom_step": 1e6
        * (seconds - without)
        / (10 * REPEATS * len(atoms)),
        "lammps_energy_difference_ev": abs(said.thermo[1] - found.energy),
        "lammps_force_difference_ev_per_angstrom": float(np.abs(forces - found.forces).max()),
    }


def in_lammps(potential: Potential, atoms: Atoms, steps: int) -> tuple[SinglePoint, float]:
    """What LAMMPS computes, and the CPU seconds of its process."""
    before = os.times()
    said = lammps_single_point(
        find_lammps(),
        atoms,
        potential.descriptor.elements,
        ["include potential.in"],
        columns="fx fy fz",
        thermo="step pe",
        files=lammps_files(potential),
        steps=steps,
    )
    after = os.times()
    user, system = (
        getattr(after, name) - getattr(before, name)
        for name in ("children_user", "children_system")
    )
    return said, user + system


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
    main(parser.parse_args())
