"""A vacancy's hop by potentials that are taught in rounds, against pw.x at every step.

Aluminium, 3×2×2 primitive cells with one atom missing; a neighbour goes into its place. Rounds as
those of Shuaibi et al., Mach. Learn.: Sci. Technol. 2, 025007 (2021): a linear SNAP potential with
a prior is fitted to what has been computed; it relaxes both ends and pulls a band between them
tight; pw.x computes the ends and the saddle point that it has come to, until the forces of pw.x
there are below the tolerance. Directly, pw.x is asked by the same optimisers at every step.
Interrupted, it goes on when it is called again: DFT runs are kept in
benchmarks/out/select/barrier.

Writes benchmarks/out/select_barrier.json. With --emt a rehearsal: effective medium theory answers
in the place of pw.x, to see how many calls both ways take.

    python benchmarks/selection_barrier.py [--emt]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.optimize import BFGS
from select_data import RUNS
from selection_relaxation import (
    Compute,
    Computed,
    Counted,
    by_dft,
    displaced,
    free_energy,
    largest_force,
    taught,
)

from surrogate_hpo.dft.band import interpolated_band, pulled_tight

FOLDER, OUT = RUNS / "barrier", Path("benchmarks/out/select_barrier.json")
TOLERANCE = 0.05  # eV/Å, of ends, band and saddle point: what ASE's optimisers have by default
CLOSE = 0.005  # eV/Å: what the potentials, which cost nothing, are relaxed to
IMAGES, MOST_ROUNDS, MOST_STEPS = 3, 15, 60
REACH, DISPLACEMENT = 0.3, 0.03  # Å


class Hop(NamedTuple):
    """Both ends and the saddle point, as they were computed, and the number of DFT runs."""

    begin: Atoms
    saddle: Atoms
    end: Atoms
    calls: int

    @property
    def barrier(self) -> float:
        """Of the free energy, eV."""
        return free_energy(self.saddle) - free_energy(self.begin)


def main(rehearsal: bool) -> None:
    """Both ways, written as JSON."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = barrier(by_emt if rehearsal else by_dft(FOLDER))
    found["energies_of"] = "EMT" if rehearsal else "pw.x"
    text = json.dumps(found, indent=2) + "\n"
    (OUT.with_stem(f"{OUT.stem}_emt") if rehearsal else OUT).write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def by_emt(atoms: Atoms, name: str) -> Atoms:
    """What effective medium theory says."""
    found: Atoms = atoms.copy()
    found.calc = EMT()
    energy, forces = found.get_potential_energy(), found.get_forces()
    found.calc = SinglePointCalculator(found, energy=energy, free_energy=energy, forces=forces)
    sys.stdout.write(f"{name}: largest force {largest_force(found):.3f} eV/Å\n")
    sys.stdout.flush()
    return found


def barrier(compute: Compute) -> dict[str, Any]:
    """Both ways from the same ends, and how they differ."""
    begin, end = ends()
    rounds = in_rounds(begin, end, compute)
    direct = directly(begin, end, compute)
    return {
        "atoms": len(begin),
        "images": IMAGES,
        "tolerance_ev_per_angstrom": TOLERANCE,
        "dft_calls": rounds.calls,
        "direct_dft_calls": direct.calls,
        "barrier_mev": 1000 * rounds.barrier,
        "direct_barrier_mev": 1000 * direct.barrier,
        "barrier_error_mev": 1000 * (rounds.barrier - direct.barrier),
        "structure_error_angstrom": {
            name: apart(getattr(rounds, name), getattr(direct, name))
            for name in ("begin", "saddle", "end")
        },
        "largest_force_at_saddle_ev_per_angstrom": largest_force(rounds.saddle),
        "direct_largest_force_at_saddle_ev_per_angstrom": largest_force(direct.saddle),
    }


def ends() -> tuple[Atoms, Atoms]:
    """The vacancy on its lattice site, and where a neighbour has gone into its place."""
    crystal = bulk("Al", "fcc", a=4.05) * (3, 2, 2)
    # Along the long vector: along the others the way is as far as to the next image.
    hop = crystal.cell[0] / 3
    neighbour = int(np.linalg.norm(crystal.positions - hop, axis=1).argmin())
    begin, end = crystal.copy(), crystal.copy()
    end.positions[neighbour] -= hop
    del begin[0], end[0]
    return begin, end


def in_rounds(begin: Atoms, end: Atoms, compute: Compute) -> Hop:
    """By potentials that know displaced images of the straight way at first.

    In a round the images move no farther than `REACH`: beyond, a potential of so few structures
    knows nothing.
    """
    band = interpolated_band(begin, end, IMAGES, "linear")
    known: list[Atoms] = []

    def learn(atoms: Atoms) -> Atoms:
        known.append(compute(atoms, f"rounds-{len(known):02d}"))
        return known[-1]

    for number, image in enumerate(band):
        learn(displaced(image, number, DISPLACEMENT))
    found: list[Atoms | None] = [None, None]
    for _ in range(MOST_ROUNDS):
        models = [taught(known, FOLDER) for _ in band]
        for place, at in enumerate((0, -1)):
            if (last := found[place]) is None or largest_force(last) >= TOLERANCE:
                found[place] = at_rest = learn(relaxed(band[at], models[at]))
                band[at].positions = at_rest.positions
        models = [taught(known, FOLDER) for _ in band]
        for image, model in zip(band, models, strict=True):
            image.calc = model
        pulled_tight(band, models, force_threshold=CLOSE, steps=MOST_STEPS, reach=REACH)
        saddle = learn(max(band[1:-1], key=lambda image: image.get_potential_energy()).copy())
        if max(largest_force(one) for one in (*found, saddle) if one is not None) < TOLERANCE:
            break
    first, last = found
    assert first is not None  # noqa: S101 - there is a round
    assert last is not None  # noqa: S101
    return Hop(first, saddle, last, len(known))


def relaxed(atoms: Atoms, model: Calculator) -> Atoms:
    """Where forces of the model vanish."""
    moving: Atoms = atoms.copy()
    moving.calc = model
    BFGS(moving, logfile=None, maxstep=0.1).run(fmax=CLOSE, steps=MOST_STEPS)
    return moving


def directly(begin: Atoms, end: Atoms, compute: Compute) -> Hop:
    """By pw.x at every step of the ends and the images."""
    runs = Counted(compute)
    first, last = begin.copy(), end.copy()
    for atoms in (first, last):
        atoms.calc = Computed(runs)
        BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=TOLERANCE, steps=MOST_STEPS)
    band = [first, *interpolated_band(first, last, IMAGES, "linear")[1:-1], last]
    calculators = [first.calc, *(Computed(runs) for _ in range(IMAGES)), last.calc]
    if not pulled_tight(band, calculators, force_threshold=TOLERANCE, steps=MOST_STEPS):
        sys.stderr.write("the direct band has not converged\n")
    saddle = max(band[1:-1], key=free_energy)
    return Hop(first, saddle, last, runs.calls)


def apart(one: Atoms, other: Atoms) -> float:
    """Distance of the farthest atom, without a shift of all, Å."""
    ways = find_mic(one.positions - other.positions, one.cell, pbc=True)[0]
    return float(np.linalg.norm(ways - ways.mean(axis=0), axis=1).max())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--emt", action="store_true", help="EMT in the place of pw.x")
    main(arguments.parse_args().emt)
