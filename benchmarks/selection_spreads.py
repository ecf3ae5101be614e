"""Does the spread over the networks of a surrogate tell where it errs.

Kendall's tau of `select`'s spreads (free energy, density of states, density) and of the calibrated
error bar with the error of the networks' mean free energy, on structures that no network has seen:
the held-out snapshots of finished runs, and the shipped larger cells of the flagship's element. A
tau between classes need only tell hot from cold; "within classes" is the mean over classes of one
number of atoms and one temperature with five structures or more.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import iread

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.energies import TOTAL
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.scores.agreement import agreement
from surrogate_hpo.stages.select.networks import Said

LARGER_CELLS = Path("benchmarks/data/aluminium_larger_cells.extxyz")
FEWEST = 5
SEED = 2026
Judged = tuple[Atoms, float]


def spreads(tutorial: Path, flagship: Path) -> dict[str, Any]:
    """By set of structures; only of the runs that are there."""
    found = {}
    if (tutorial / "surrogate/surrogate.pt").is_file():
        found["tutorial, held out"] = ranks(tutorial, held_out(tutorial))
    if (flagship / "surrogate/surrogate.pt").is_file():
        found["flagship, held out and larger cells"] = ranks(
            flagship, [*held_out(flagship), *larger_cells()]
        )
    return found


def held_out(run: Path) -> list[Judged]:
    """Test snapshots of a run and pw.x's total free energies, eV."""
    judged = []
    for path in sorted((run / "dft").glob("test-*.json")):
        energy = read_dft_result(path).total_free_energy
        if energy is not None:
            judged.append((read_structure(run / f"snapshots/{path.stem}.extxyz"), energy))
    return judged


def larger_cells() -> list[Judged]:
    """The shipped cells and pw.x's total free energies, eV."""
    return [(atoms, atoms.info["total_free_energy_ev"]) for atoms in iread(LARGER_CELLS, ":")]


def ranks(run: Path, judged: list[Judged]) -> dict[str, Any]:
    """Tau of each spread with the error, over all structures and within classes."""
    surrogate = read_surrogate(run / "surrogate/surrogate.pt")
    rows, errors, classes = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for atoms, energy in judged:
            made = predict_structure(surrogate, atoms, Conditions(), Path(folder))
            said = Said.of(made, len(atoms))
            dos = np.array(said.dos).std(axis=0, ddof=1)
            rows.append(
                {
                    "energy_spread": float(np.std(said.energies, ddof=1)),
                    "dos_spread": float(np.sqrt((dos**2).mean())),
                    "density_spread": said.density_spread,
                    "error_bar": said.error_bar,
                }
            )
            errors.append(abs(float(np.mean(made.energies[TOTAL])) - energy) / len(atoms))
            classes.append((len(atoms), atoms.info.get("temperature_kelvin")))
    return {
        "structures": len(rows),
        "mean_error_mev_per_atom": 1000 * float(np.mean(errors)),
        "tau": {
            name: tau([row[name] for row in rows], errors, classes)
            for name in rows[0]
            if np.isfinite([row[name] for row in rows]).all()
        },
    }


def tau(spread: list[float], errors: list[float], classes: list[Any]) -> dict[str, Any]:
    """With its 95 % interval by a bootstrap over the structures, and the mean within classes."""
    found = agreement(spread, errors, seed=SEED)
    within = []
    for one in set(classes):
        of = [number for number, name in enumerate(classes) if name == one]
        if len(of) >= FEWEST:
            parts = [[values[number] for number in of] for values in (spread, errors)]
            within.append(agreement(*parts, seed=SEED).tau)
    return {
        "tau": found.tau,
        "low": found.tau_low,
        "high": found.tau_high,
        "within_classes": float(np.mean(within)) if within else None,
        "classes": len(within),
    }
