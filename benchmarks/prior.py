r"""What a potential's prior is for: relaxations from random structures, with it and without.

Eight atoms of aluminium in the volume of the crystal, no two closer than 0.6 of the distance of
nearest neighbours, are relaxed with each potential, and again with its prior taken away: how close
are the closest two atoms in the end, and do atoms overlap on the way?

    python benchmarks/prior.py tiny=build/prior-tiny/results/potential/potential.json \
        flagship=results-flagship/potential/potential.json [--structures 12] [--figure prior.svg]

It adds `relaxations` to what benchmarks/out/atoms.json holds, and draws them, a panel a potential.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.optimize import FIRE
from matplotlib.figure import Figure

from surrogate_hpo.data.potentials import read_potential, write_potential
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.model import Potential
from surrogate_hpo.potential_calculator import PotentialCalculator
from surrogate_hpo.report.palette import BLUE, INK, VERMILION
from surrogate_hpo.report.pictures import paper_svg
from surrogate_hpo.report.style import new_figure, styled

OUT = Path("benchmarks/out/atoms.json")
# Of aluminium, Å; pairs of the random structures are no closer than this share of it.
NEIGHBOURS, CLOSEST = 2.86, 0.6
STEPS = 150
KINDS = {
    "with_prior": ("o", BLUE, "with prior"),
    "without_prior": ("s", VERMILION, "without"),
}


def main(options: argparse.Namespace) -> None:
    found = {
        label: relaxations(read_potential(Path(path)), options.structures)
        for label, _, path in (given.partition("=") for given in options.potentials)
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    OUT.write_text(json.dumps(document | {"relaxations": found}, indent=2) + "\n")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    if options.figure:
        title = "Closest atoms before and after relaxations of random structures."
        picture = paper_svg(drawing(found), name="potential_prior", title=title, width="double")
        options.figure.write_text(picture)


def relaxations(potential: Potential, number: int) -> dict[str, Any]:
    """Closest atoms at start and end, Å; null where atoms overlapped on the way."""
    starts = [random_structure(seed) for seed in range(number)]
    found: dict[str, Any] = {"started": number, "start_angstrom": list(map(closest, starts))}
    for name, one in (("with_prior", potential), ("without_prior", replace(potential, prior=None))):
        path = OUT.parent / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_potential(path, one, {})
        calculator = PotentialCalculator(path)
        path.unlink()
        ended = [relaxed(calculator, atoms.copy()) for atoms in starts]
        found[name] = {
            "overlapping": sum(distance is None for distance in ended),
            "closer_than_at_the_start": sum(
                distance is not None and distance < CLOSEST * NEIGHBOURS for distance in ended
            ),
            "end_angstrom": ended,
        }
    return found


def random_structure(seed: int) -> Atoms:
    """Eight atoms in the volume of the crystal, none closer than the limit."""
    generator = np.random.default_rng(seed)
    atoms = Atoms(cell=[4.05, 4.05, 8.1], pbc=True)
    while len(atoms) < 8:
        tried = atoms + Atoms("Al", positions=generator.uniform(size=(1, 3)) @ atoms.cell[:])
        distances = tried.get_all_distances(mic=True)[-1, :-1]
        if np.all(distances > CLOSEST * NEIGHBOURS):
            atoms = tried
    return atoms


def relaxed(calculator: PotentialCalculator, atoms: Atoms) -> float | None:
    """The shortest distance at the end, Å; None if atoms overlap on the way."""
    atoms.calc = calculator
    try:
        FIRE(atoms, logfile=None, maxstep=0.1).run(fmax=0.05, steps=STEPS)
    except DataError:
        return None
    return closest(atoms)


def closest(atoms: Atoms) -> float:
    """The shortest distance between two atoms, Å."""
    distances = atoms.get_all_distances(mic=True)
    return float(distances[distances > 0].min())


@styled
def drawing(found: dict[str, dict[str, Any]]) -> Figure:
    """Closest atoms in the end against those at the start; overlapping ones at zero."""
    figure = new_figure(3.4)
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (label, one) in zip(panels, found.items(), strict=True):
        start = np.array(one["start_angstrom"])
        axes.axhline(NEIGHBOURS, color=INK, lw=0.8, ls=":")
        axes.plot([start.min(), start.max()], [start.min(), start.max()], color=INK, lw=0.8)
        for name, (marker, colour, text) in KINDS.items():
            ended = one[name]["end_angstrom"]
            lost = np.array([distance is None for distance in ended])
            end = np.array([np.nan if distance is None else distance for distance in ended])
            axes.plot(start, end, marker, color=colour, ms=5, mfc="none", mew=1.4, label=text)
            if lost.any():
                label_of_lost = f"{text}: {lost.sum()} overlapped"
                axes.plot(
                    start[lost], np.zeros(lost.sum()), "x", color=colour, ms=6, label=label_of_lost
                )
        axes.set(title=f"{label}, {one['started']} structures", xlabel="closest atoms, start (Å)")
        axes.set_ylim(bottom=-0.15)
        axes.legend(loc="center right", fontsize="small")
    panels[0].set_ylabel("closest atoms, end (Å)")
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("potentials", nargs="+", metavar="LABEL=FILE")
    parser.add_argument("--structures", type=int, default=12)
    parser.add_argument("--figure", type=Path)
    main(parser.parse_args())
