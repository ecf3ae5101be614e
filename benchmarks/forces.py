"""Forces of surrogates: are they derivatives, what do they cost, do they agree with DFT.

1. Finite differences: the tutorial's networks in double precision, a displaced cell of four atoms,
   random displacements and strains; errors relative to the largest force and stress component.
2. Cost and memory: CPU time of predictions of 32 atoms without and with forces, one thread, a
   process each: the mean over the tutorial's networks, and with the spread over them.
3. Sizes: the same for 32 to 864 atoms with one network, the first of the flagship.
4. Agreement: forces against those that pw.x gave for held-out structures of finished runs, and for
   larger cells of a structure file, where it has forces; how often errors lie within the networks'
   spread, and within the error bar that validation snapshots of the run calibrate.

    python benchmarks/forces.py [--tutorial results] [--flagship results-flagship]
                                [--larger-cells FILE] [--atoms 32 108 256 864]
                                [--parts differences cost sizes agreement]

A part that is left out keeps what an earlier run has found.
"""

import argparse
import json
import logging
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import PropertyNotImplementedError
from ase.io import iread

from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.networks.error_bar import calibrated_force_error_bar
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.prediction import predict_structure

OUT = Path("benchmarks/out/forces.json")
LARGER_CELLS = Path("benchmarks/data/aluminium_32_atoms_forces.extxyz")
SCOPES = (None, "mean", "each")
SMALL = 32
ROUNDS = {SMALL: 3}  # larger cells are predicted once
PARTS = ("differences", "cost", "sizes", "agreement")
MEBIBYTE = 2**20
Pair = tuple[Atoms, np.ndarray]


def main(options: argparse.Namespace) -> None:
    logging.disable(logging.WARNING)
    file = options.tutorial / "surrogate/surrogate.pt"
    document = json.loads(OUT.read_text()) if OUT.is_file() else {}
    if "differences" in options.parts:
        document |= finite_differences(read_surrogate(file))
    if "cost" in options.parts:
        document |= cost(file)
    if "sizes" in options.parts:
        document |= sizes(options.flagship / "surrogate/surrogate.pt", sorted(options.atoms))
    if "agreement" in options.parts:
        document["tutorial"] = agreement(options.tutorial, held_out(options.tutorial))
        document |= agreement_of_flagship(options.flagship, options.larger_cells)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def cost(file: Path) -> dict[str, Any]:
    """CPU time and memory of 32 atoms with all networks, forces relative to energies."""
    networks = len(read_surrogate(file).models)
    rows = [measure(file, SMALL, scope, networks) for scope in SCOPES]
    energy, mean, each = (row["seconds_per_atom"] for row in rows)
    return {
        "machine": platform.processor() or platform.machine(),
        "cost_relative_to_energy": mean / energy,
        "cost_relative_to_energy_with_spread": each / energy,
        "memory": rows,
    }


def sizes(file: Path, numbers: list[int]) -> dict[str, Any]:
    """CPU time and memory against the number of atoms, with one network."""
    table = []
    for atoms in numbers:
        energy, forces = (measure(file, atoms, scope, 1) for scope in (None, "mean"))
        row = {"atoms": atoms, "points": forces["points"]}
        row |= {
            "energy_seconds_per_atom": energy["seconds_per_atom"],
            "forces_seconds_per_atom": forces["seconds_per_atom"],
            "relative_to_energy": forces["seconds_per_atom"] / energy["seconds_per_atom"],
            "energy_bytes_per_point": energy["bytes_per_point"],
            "forces_bytes_per_point": forces["bytes_per_point"],
            "forces_peak_mebibytes": forces["peak_mebibytes"],
        }
        table.append(row)
    first, last = table[0], table[-1]
    ratio = last["forces_seconds_per_atom"] / first["forces_seconds_per_atom"]
    name = f"cost_ratio_{last['atoms']}_to_{first['atoms']}_atoms"
    return {"sizes": table, name: ratio}


def agreement_of_flagship(run: Path, larger: Path) -> dict[str, Any]:
    """Errors by number of atoms; None where there is no such run."""
    structures = [*held_out(run), *larger_cells(larger)]
    return {
        f"flagship_{atoms}_atoms": agreement(
            run, [pair for pair in structures if len(pair[0]) == atoms]
        )
        for atoms in sorted({len(one) for one, _ in structures} | {32})
    }


def held_out(run: Path, split: str = "test") -> list[Pair]:
    """Structures of a split of a run with the forces that DFT gave, eV/Å."""
    found = []
    for path in sorted((run / "dft").glob(f"{split}-*.json")):
        result = read_dft_result(path)
        if result.forces is not None:
            atoms = Atoms(result.species, positions=result.positions, cell=result.cell, pbc=True)
            found.append((atoms, result.forces))
    return found


def larger_cells(path: Path) -> Iterator[Pair]:
    """Structures of a file that have forces, eV/Å."""
    for atoms in iread(path, ":") if path.is_file() else ():
        try:
            forces = atoms.get_forces()
        except (RuntimeError, PropertyNotImplementedError):
            continue
        atoms.calc = None
        yield atoms, forces


def agreement(run: Path, structures: list[Pair]) -> dict[str, Any] | None:
    """Errors of the mean over the networks of a run; None without structures or surrogate."""
    file = run / "surrogate/surrogate.pt"
    if not structures or not file.is_file():
        return None
    surrogate = read_surrogate(file)
    networks = np.concatenate(
        [forces.reshape(len(forces), -1) for forces in predicted(surrogate, structures)], axis=1
    )
    reference = np.concatenate([forces.ravel() for _, forces in structures])
    mean, spread = networks.mean(0), networks.std(0, ddof=1)
    return {
        "structures": len(structures),
        "rmse_mev_per_angstrom": 1000 * rms(mean - reference),
        "rms_force_mev_per_angstrom": 1000 * rms(reference),
        "correlation": float(np.corrcoef(mean, reference)[0, 1]),
        "rmse_of_each_network_mev_per_angstrom": [
            1000 * rms(forces - reference) for forces in networks
        ],
        "spread_mev_per_angstrom": 1000 * rms(spread),
        "within_spread": float(np.mean(np.abs(mean - reference) <= spread)),
        **expected_errors(surrogate, run, networks, reference),
    }


def expected_errors(
    surrogate: Surrogate, run: Path, networks: np.ndarray, reference: np.ndarray
) -> dict[str, Any]:
    """How often errors lie within the calibrated bar, of this run's validation snapshots."""
    known = held_out(run, "validation")
    errors = [
        found - forces
        for found, (_, forces) in zip(predicted(surrogate, known), known, strict=True)
    ]
    bar = calibrated_force_error_bar(errors)
    if bar is None:
        return {"error_bar": None}
    bars = bar.bars(networks)
    return {
        "error_bar": bar.as_document(),
        "error_bar_mev_per_angstrom": 1000 * rms(bars),
        "within_error_bar": float(np.mean(np.abs(networks.mean(0) - reference) <= bars)),
    }


def predicted(surrogate: Surrogate, structures: list[Pair]) -> list[np.ndarray]:
    """Forces of each network, eV/Å, [network, atom, 3], of each structure."""
    found = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for atoms, _ in structures:
            made = predict_structure(surrogate, atoms, Conditions(), Path(folder), forces="each")
            assert made.derivatives is not None  # noqa: S101 - asked for
            assert made.derivatives.forces_per_network is not None  # noqa: S101
            found.append(made.derivatives.forces_per_network)
    return found


def finite_differences(surrogate: Surrogate, directions: int = 3) -> dict[str, float]:
    """Largest errors of forces and stress along random displacements and strains."""
    models = tuple(model.in_double_precision() for model in surrogate.models)
    exact, atoms = replace(surrogate, models=models), displaced()
    grid = surrogate.origin.grids[0].grid
    rng, errors = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory(dir=".") as folder:

        def predict(changed: Atoms, scope: ForceScope | None = None) -> Prediction:
            return predict_structure(
                exact, changed, Conditions(grid=grid), Path(folder), forces=scope
            )

        def slope(change: Callable[[float], Atoms], step: float) -> float:
            def energy(x: float) -> float:
                return float(np.mean(predict(change(x)).energies["total_free_energy"]))

            near, far = energy(step) - energy(-step), energy(2 * step) - energy(-2 * step)
            return (8 * near - far) / (12 * step)

        found = predict(atoms, "mean").derivatives
        assert found is not None  # noqa: S101 - asked for
        for _ in range(directions):
            displacement, strain = rng.normal(size=(len(atoms), 3)), rng.normal(size=(3, 3))

            def moved(x: float, by: np.ndarray = displacement) -> Atoms:
                changed: Atoms = atoms.copy()
                changed.positions += x * by
                return changed

            def strained(x: float, by: np.ndarray = strain) -> Atoms:
                changed: Atoms = atoms.copy()
                changed.set_cell(atoms.cell[:] @ (np.eye(3) + x * by), scale_atoms=True)
                return changed

            of_forces = slope(moved, 1e-4) + np.vdot(found.forces, displacement)
            of_stress = slope(strained, 1e-5) / atoms.get_volume() - np.vdot(found.stress, strain)
            errors.append(
                (
                    abs(of_forces) / np.abs(found.forces).max(),
                    abs(of_stress) / np.abs(found.stress).max(),
                )
            )
    of_forces, of_stress = np.max(errors, axis=0)
    return {
        "finite_difference_error": float(of_forces),
        "finite_difference_error_of_stress": float(of_stress),
    }


def measure(surrogate: Path, atoms: int, scope: str | None, networks: int) -> dict[str, Any]:
    """Predict one size with so many networks in a process of its own."""
    task = [str(surrogate), str(atoms), str(scope), str(networks)]
    command = [sys.executable, __file__, "--work", *task]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    row = {"atoms": atoms, "networks": networks, "scope": scope} | row
    sys.stderr.write(json.dumps(row) + "\n")
    return row


def work(path: Path, atoms: int, scope: ForceScope | None, networks: int) -> None:
    logging.disable(logging.WARNING)
    surrogate, edge = read_surrogate(path), round((atoms / 4) ** (1 / 3))
    surrogate = replace(surrogate, models=surrogate.models[:networks])
    with tempfile.TemporaryDirectory(dir=".") as folder:

        def predict(cells: int) -> tuple[float, int]:
            structure, begin = displaced().repeat(cells), time.process_time()
            found = predict_structure(
                surrogate, structure, Conditions(), Path(folder), forces=scope
            )
            return time.process_time() - begin, found.density.size

        predict(1)  # loads compiled code
        before = peak()
        rounds = [predict(edge) for _ in range(ROUNDS.get(atoms, 1))]
    seconds, points = median(time_ for time_, _ in rounds), rounds[0][1]
    row = {
        "points": points,
        "seconds_per_atom": seconds / atoms,
        "peak_mebibytes": peak() / MEBIBYTE,
        "bytes_per_point": (peak() - before) / points,
    }
    sys.stdout.write(json.dumps(row))


def displaced() -> Atoms:
    """Four atoms of aluminium at 298 K."""
    return thermal_displacements(
        bulk("Al", "fcc", a=4.05, cubic=True),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )


def peak() -> int:
    """Largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        file, number, which, count = sys.argv[2:6]
        scope = None if which == "None" else cast(ForceScope, which)
        work(Path(file), int(number), scope, int(count))
    else:
        parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
        parser.add_argument("--tutorial", type=Path, default=Path("results"))
        parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
        parser.add_argument("--larger-cells", type=Path, default=LARGER_CELLS)
        parser.add_argument("--atoms", type=int, nargs="+", default=[32, 108, 256, 864])
        parser.add_argument("--parts", choices=PARTS, nargs="+", default=PARTS)
        main(parser.parse_args())
