"""Cells larger than those of the training: error of the total free energy beside its baseline.

Predicts displaced aluminium cells of 32 and 64 atoms with the surrogate of a finished `make run`,
which has seen cells of 4 atoms only, and compares with DFT:

    python benchmarks/larger_cells.py [results/surrogate/surrogate.pt]

The energies in `data/aluminium_larger_cells.extxyz` (`total_free_energy_ev`) were made with
pw.x 7.2 and the settings of `config/config.yaml` (16 Ry, 5000 K, Al.hgh-lda.UPF): the density on
a shifted 2×2×2 mesh, eigenvalues and occupations of a following non-self-consistent run on a
shifted 4×4×4 mesh (64 atoms, primitive lattice vectors: 3×3×3), and
A = E_band − TS − E_H + E_xc − ∫v_xc n + E_Ewald. At 4 atoms this agrees with the self-consistent
energy on the dense mesh to 0.14 meV/atom.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase import Atoms
from ase.io import read

from surrogate_hpo.io.surrogates import read_surrogate
from surrogate_hpo.stages.prediction import predict_structure
from surrogate_hpo.stages.prediction_energies import Conditions

OUT = Path("benchmarks/out/larger_cells.json")
DATA = Path(__file__).parent / "data" / "aluminium_larger_cells.extxyz"
SURROGATE = Path("results/surrogate/surrogate.pt")


def main(path: Path) -> None:
    surrogate = read_surrogate(path)
    frames = cast(list[Atoms], read(DATA, ":"))
    rows = []
    for atoms in frames:
        with tempfile.TemporaryDirectory() as scratch:
            found = predict_structure(surrogate, atoms, Conditions(), Path(scratch))
        energies = np.asarray(found.energies["total_free_energy"]) / len(atoms)
        known = atoms.info["total_free_energy_ev"] / len(atoms)
        rows.append((len(atoms), known, energies))
        print(f"{len(atoms)} atoms: {1e3 * (energies.mean() - known):7.2f} meV/atom", flush=True)
    table = [summary(size, rows) for size in sorted({row[0] for row in rows})]
    names = list(table[0])
    print(f"\n| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for line in table:
        print(f"| {' | '.join('-' if v is None else f'{v:.4g}' for v in line.values())} |")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"classes": table}, indent=2) + "\n")


def summary(size: int, rows: list[tuple[int, float, Any]]) -> dict[str, float | None]:
    """Errors of one size in meV/atom; the baseline is the best constant."""
    known = 1e3 * np.array([row[1] for row in rows if row[0] == size])
    networks = 1e3 * np.array([row[2] for row in rows if row[0] == size])
    predicted = networks.mean(axis=1)
    several = len(known) > 2
    return {
        "atoms": size,
        "snapshots": len(known),
        "ensemble_mae_mev_per_atom": float(np.abs(predicted - known).mean()),
        "mean_error_mev_per_atom": float((predicted - known).mean()),
        "std_of_error_mev_per_atom": float((predicted - known).std()) if several else None,
        "network_mae_mev_per_atom": float(np.abs(networks - known[:, None]).mean()),
        "baseline_mev_per_atom": float(np.abs(known - known.mean()).mean()) if several else None,
        "correlation": float(np.corrcoef(predicted, known)[0, 1]) if several else None,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SURROGATE)
