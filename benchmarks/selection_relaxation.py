"""A vacancy relaxed by a potential that is taught in rounds, against pw.x at every step.

Aluminium, two cubic cells with one atom missing and the others displaced. Rounds as those of
Shuaibi et al., Mach. Learn.: Sci. Technol. 2, 025007 (2021): a linear SNAP potential with a prior
is fitted to what has been computed, relaxes the structure, pw.x computes what it came to; until
the forces of pw.x there are below the tolerance. Interrupted, it goes on when it is called again:
DFT runs are kept in benchmarks/out/select/relaxation.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.optimize import BFGS
from select_data import DATA, RUNS, computed

from surrogate_hpo import PotentialCalculator
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.potentials import write_potential
from surrogate_hpo.potential.fitting import fit_potential
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.options import FitOptions

FOLDER = RUNS / "relaxation"
TOLERANCE = 0.01  # eV/Å
START_RUNS, MOST_ROUNDS, MOST_STEPS = 3, 20, 60
DISPLACEMENT = 0.12  # Å
OPTIONS = FitOptions(
    cutoff_radii=(4.75,), twojmax=(6,), force_weights=(0.1,), prior="zbl", members=0
)
Compute = Callable[[Atoms, str], Atoms]


def relaxation(compute: Compute | None = None) -> dict[str, Any]:
    """Both ways from the same structure, and how they differ."""
    compute = compute or by_dft(FOLDER)
    begin = start()
    rounds, taught = in_rounds(begin, compute)
    direct, calls = directly(begin, compute)
    apart = rounds.positions - direct.positions
    apart -= apart.mean(axis=0)
    error = free_energy(rounds) - free_energy(direct)
    return {
        "atoms": len(begin),
        "tolerance_ev_per_angstrom": TOLERANCE,
        "dft_calls": taught,
        "direct_dft_calls": calls,
        "energy_error_mev": 1000 * error,
        "structure_error_angstrom": float(np.linalg.norm(apart, axis=1).max()),
        "largest_force_ev_per_angstrom": largest_force(rounds),
        "direct_largest_force_ev_per_angstrom": largest_force(direct),
    }


def start() -> Atoms:
    """The vacancy, displaced."""
    atoms = bulk("Al", "fcc", a=4.05, cubic=True) * (2, 1, 1)
    del atoms[0]
    return displaced(atoms, 1)


def displaced(atoms: Atoms, seed: int, size: float = DISPLACEMENT) -> Atoms:
    """A copy with random displacements, Å."""
    copy: Atoms = atoms.copy()
    copy.positions += np.random.default_rng(seed).normal(0, size, copy.positions.shape)
    return copy


def by_dft(folder: Path) -> Compute:
    """pw.x, with coarse settings: both ways see the same energies. Runs are kept in the folder."""
    loaded = load_config([Path("config/config.yaml"), DATA / "relaxation.yaml"])
    folder.mkdir(parents=True, exist_ok=True)
    return lambda atoms, name: computed(loaded, atoms, folder / name)


def in_rounds(begin: Atoms, compute: Compute) -> tuple[Atoms, int]:
    """Relaxed by potentials; the last structure as it was computed, and the number of DFT runs."""
    known = [compute(begin, "rounds-00")]
    known += [compute(displaced(begin, 100 + n), f"rounds-{n:02d}") for n in range(1, START_RUNS)]
    for number in range(START_RUNS, START_RUNS + MOST_ROUNDS):
        atoms: Atoms = min(known, key=largest_force).copy()
        atoms.calc = taught(known, FOLDER)
        BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=TOLERANCE / 4, steps=MOST_STEPS)
        known.append(compute(atoms, f"rounds-{number:02d}"))
        if largest_force(known[-1]) < TOLERANCE:
            break
    return known[-1], len(known)


def taught(known: Sequence[Atoms], folder: Path) -> PotentialCalculator:
    """A potential fitted to what has been computed."""
    data = [
        Labelled(one, f"run {number}", free_energy(one), one.get_forces())
        for number, one in enumerate(known)
    ]
    path = folder / "potential.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_potential(path, fit_potential(data, OPTIONS, seed=1), {})
    return PotentialCalculator(path)


class Counted:
    """Runs of pw.x one after the other, named by their number."""

    def __init__(self, compute: Compute) -> None:
        self._compute, self.calls = compute, 0

    def __call__(self, atoms: Atoms) -> Atoms:
        """One more."""
        found = self._compute(atoms, f"direct-{self.calls:02d}")
        self.calls += 1
        return found


class Computed(Calculator):
    """Energy and forces of pw.x."""

    implemented_properties: list[str] = [  # noqa: RUF012 - as ASE has it
        *("energy", "free_energy", "forces")
    ]

    def __init__(self, compute: Counted) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # ASE has few types
        self._compute = compute

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Ask pw.x."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        found = self._compute(self.atoms)  # type: ignore[arg-type]
        energy = free_energy(found)
        self.results = {"energy": energy, "free_energy": energy, "forces": found.get_forces()}


def directly(begin: Atoms, compute: Compute) -> tuple[Atoms, int]:
    """Relaxed by pw.x; the last structure and the number of DFT runs."""
    atoms, runs = begin.copy(), Counted(compute)
    atoms.calc = Computed(runs)
    BFGS(atoms, logfile=None, maxstep=0.1).run(fmax=TOLERANCE, steps=MOST_STEPS)
    return atoms, runs.calls


def free_energy(atoms: Atoms) -> float:
    """Total free energy, eV."""
    return float(atoms.get_potential_energy(force_consistent=True))


def largest_force(atoms: Atoms) -> float:
    """eV/Å."""
    return float(np.linalg.norm(atoms.get_forces(), axis=1).max())
