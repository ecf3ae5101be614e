"""Forces of surrogates: are they derivatives, what do they cost, do they agree with DFT.

1. Finite differences: the tutorial's networks in double precision, a displaced cell of four atoms,
   random displacements and strains; errors relative to the largest force and stress component.
2. Cost and memory: CPU time of predictions without and with forces, of supercells of 32 and 864
   atoms, one thread, a process each. The mean over the networks, and with the spread over them.
3. Agreement: forces against those that pw.x gave for held-out structures of finished runs, and for
   larger cells of a structure file, where it has forces.

    python benchmarks/forces.py [--tutorial results] [--flagship results-flagship]
                                [--larger-cells FILE] [--atoms 32 864]
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
from surrogate_hpo.predict.contents import Conditions, Prediction
from surrogate_hpo.predict.descriptor_chain import ForceScope
from surrogate_hpo.predict.prediction import predict_structure

OUT = Path("benchmarks/out/forces.json")
LARGER_CELLS = Path("benchmarks/data/aluminium_32_atoms_forces.extxyz")
SCOPES = (None, "mean", "each")
ROUNDS = {32: 3}  # larger cells are predicted once
MEBIBYTE = 2**20


def main(options: argparse.Namespace) -> None:
    logging.disable(logging.WARNING)
    file = options.tutorial / "surrogate/surrogate.pt"
    small, large = min(options.atoms), max(options.atoms)
    rows = [measure(file, small, scope) for scope in SCOPES]
    rows += [measure(file, large, scope) for scope in (None, "mean")]
    cost = {(row["atoms"], row["scope"]): row["seconds_per_atom"] for row in rows}
    document = {
        "machine": platform.processor() or platform.machine(),
        **finite_differences(read_surrogate(file)),
        "cost_relative_to_energy": cost[small, "mean"] / cost[small, None],
        "cost_relative_to_energy_with_spread": cost[small, "each"] / cost[small, None],
        f"cost_ratio_{large}_to_{small}_atoms": cost[large, "mean"] / cost[small, "mean"],
        "memory": rows,
        "tutorial": agreement(file, held_out(options.tutorial)),
    }
    flagship = options.flagship / "surrogate/surrogate.pt"
    structures = [*held_out(options.flagship), *larger_cells(options.larger_cells)]
    for atoms in sorted({len(one) for one, _ in structures} | {32}):
        chosen = [pair for pair in structures if len(pair[0]) == atoms]
        document[f"flagship_{atoms}_atoms"] = (
            agreement(flagship, chosen) if flagship.is_file() else None
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def held_out(run: Path) -> list[tuple[Atoms, np.ndarray]]:
    """Test structures of a run with the forces that DFT gave, eV/Å."""
    found = []
    for path in sorted((run / "dft").glob("test-*.json")):
        result = read_dft_result(path)
        if result.forces is not None:
            atoms = Atoms(result.species, positions=result.positions, cell=result.cell, pbc=True)
            found.append((atoms, result.forces))
    return found


def larger_cells(path: Path) -> Iterator[tuple[Atoms, np.ndarray]]:
    """Structures of a file that have forces, eV/Å."""
    for atoms in iread(path, ":") if path.is_file() else ():
        try:
            forces = atoms.get_forces()
        except (RuntimeError, PropertyNotImplementedError):
            continue
        atoms.calc = None
        yield atoms, forces


def agreement(file: Path, structures: list[tuple[Atoms, np.ndarray]]) -> dict[str, Any] | None:
    """Errors of the mean over the networks; None without structures."""
    if not structures:
        return None
    surrogate = read_surrogate(file)
    predicted, expected, spread = [], [], []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        for atoms, forces in structures:
            found = predict_structure(surrogate, atoms, Conditions(), Path(folder), forces="each")
            derivatives = found.derivatives
            assert derivatives is not None  # noqa: S101 - asked for
            assert derivatives.forces_per_network is not None  # noqa: S101
            predicted.append(derivatives.forces_per_network.reshape(len(surrogate.models), -1))
            expected.append(forces.ravel())
            if derivatives.forces_std is not None:
                spread.append(derivatives.forces_std.ravel())
    networks, reference = np.concatenate(predicted, axis=1), np.concatenate(expected)
    mean = networks.mean(0)
    return {
        "structures": len(structures),
        "rmse_mev_per_angstrom": 1000 * rms(mean - reference),
        "rms_force_mev_per_angstrom": 1000 * rms(reference),
        "correlation": float(np.corrcoef(mean, reference)[0, 1]),
        "rmse_of_each_network_mev_per_angstrom": [
            1000 * rms(forces - reference) for forces in networks
        ],
        "spread_mev_per_angstrom": 1000 * rms(np.concatenate(spread)) if spread else None,
    }


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


def measure(surrogate: Path, atoms: int, scope: str | None) -> dict[str, Any]:
    """Predict one size in a process of its own."""
    command = [sys.executable, __file__, "--work", str(surrogate), str(atoms), str(scope)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return {"atoms": atoms, "scope": scope} | row


def work(path: Path, atoms: int, scope: ForceScope | None) -> None:
    logging.disable(logging.WARNING)
    surrogate, edge = read_surrogate(path), round((atoms / 4) ** (1 / 3))
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
        file, number, which = sys.argv[2:5]
        work(Path(file), int(number), None if which == "None" else cast(ForceScope, which))
    else:
        parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
        parser.add_argument("--tutorial", type=Path, default=Path("results"))
        parser.add_argument("--flagship", type=Path, default=Path("results-flagship"))
        parser.add_argument("--larger-cells", type=Path, default=LARGER_CELLS)
        parser.add_argument("--atoms", type=int, nargs=2, default=[32, 864])
        main(parser.parse_args())
