"""Cost of a prediction per atom and its memory, from 32 atoms to 2 048.

Supercells of a displaced cell of aluminium, whose energy per atom they must have; one process each,
one thread. The prediction of the cell itself is not counted: it loads compiled code. A time is CPU
time of the whole prediction (descriptors, networks, integrals), the median of some
rounds for the small cells. Beside it stands its ratio to the cost per atom of 32 atoms, the median
of predictions before and after in the same process: other work on the machine disturbs both alike.
The memory is the largest resident set of the process, with what its imports take beside it.

    python benchmarks/predict.py [results/surrogate/surrogate.pt]
"""

import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ase.build import bulk

from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure

OUT = Path("benchmarks/out/predict.json")
SURROGATE = Path("results/surrogate/surrogate.pt")
# Cubic cells of four atoms along each edge, and how often they are predicted.
ROUNDS = {2: 9, 3: 3, 4: 3, 6: 1, 8: 1}
REFERENCES = 4  # predictions of 32 atoms before, and as many after
MEBIBYTE = 2**20


def main(surrogate: Path) -> None:
    rows = [measure(surrogate, edge) for edge in ROUNDS]
    names = list(rows[0])
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for row in rows:
        print(f"| {' | '.join(f'{value:.4g}' for value in row.values())} |")
    costs = [row["relative_to_32_atoms"] for row in rows]
    spread = max(costs) / min(costs) - 1
    print(f"\nCost per atom: {100 * spread:.1f} % between the largest and the smallest.")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": platform.processor() or platform.machine(), "rows": rows}
    OUT.write_text(json.dumps(document | {"spread": spread}, indent=2) + "\n")


def measure(surrogate: Path, edge: int) -> dict[str, Any]:
    """Predict one size in a process of its own."""
    command = [sys.executable, __file__, str(surrogate), str(edge)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def work(path: Path, edge: int) -> None:
    surrogate = read_surrogate(path)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        cell = thermal_displacements(
            bulk("Al", "fcc", a=4.05, cubic=True),
            temperature=298.0,
            debye_waller_b=0.86,
            reference_temperature=300.0,
            seed=0,
        )

        def predict(cells: int) -> tuple[float, float, int, float]:
            atoms = cell.repeat(cells)
            cpu, wall = time.process_time(), time.monotonic()
            found = predict_structure(surrogate, atoms, Conditions(), Path(folder))
            energy = fmean(found.energies["total_free_energy"]) / len(atoms)
            return time.process_time() - cpu, time.monotonic() - wall, found.density.size, energy

        *_, expected = predict(1)
        before = peak()
        references = [predict(2)[0] for _ in range(REFERENCES)]
        rounds = [predict(edge) for _ in range(ROUNDS[edge])]
        references += [predict(2)[0] for _ in range(REFERENCES)]
    cpu, wall = (median(column) for column in list(zip(*rounds, strict=True))[:2])
    *_, points, energy = rounds[0]
    atoms = 4 * edge**3
    row = {
        "atoms": atoms,
        "grid_points": points,
        "seconds_per_atom": cpu / atoms,
        "relative_to_32_atoms": cpu / atoms / (median(references) / 32),
        "wall_seconds_per_atom": wall / atoms,
        "peak_mebibytes": peak() / MEBIBYTE,
        "bytes_per_point": (peak() - before) / points,
        "difference_mev_per_atom": 1000 * (energy - expected),
    }
    sys.stdout.write(json.dumps(row))


def peak() -> int:
    """Largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else SURROGATE
    if len(sys.argv) > 2:
        work(path, int(sys.argv[2]))
    else:
        main(path)
