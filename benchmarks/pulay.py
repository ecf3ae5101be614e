"""How constant the Pulay stress is: pw.x's pressure by its stress and by the slope of its energies.

At a fixed plane-wave cutoff the stress of pw.x is that of a fixed set of plane waves, and the slope
of its energies is not. Their difference is what `train.pressure` takes for one constant, and its
scatter is a floor of what a stress that was learnt from energies can agree with.

Snapshots of a finished run, their lengths changed by plus and minus 0.3 %, computed with the
settings of a config. Interrupted, it goes on; DFT runs are kept in benchmarks/out/pulay.

    python benchmarks/pulay.py [--run results-flagship] [--config config/flagship.yaml]
                               [--snapshots test-0000 test-0001 test-0003 training-0002]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from select_data import pwx_result

from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.dft.strain import deformed
from surrogate_hpo.formats.structures.structures import read_structure
from surrogate_hpo.units import GIGAPASCAL_PER_EV_PER_CUBIC_ANGSTROM as GIGAPASCAL

OUT = Path("benchmarks/out/pulay.json")
RUNS = Path("benchmarks/out/pulay")
STRAIN = 0.003
SNAPSHOTS = ("test-0000", "test-0001", "test-0003", "training-0002")


def main(run: Path, config: Path, snapshots: list[str]) -> None:
    """One line for each snapshot, then the scatter."""
    RUNS.mkdir(parents=True, exist_ok=True)
    loaded, rows = load_config([config]), {}
    for name in snapshots:
        atoms = read_structure(run / f"snapshots/{name}.extxyz")
        of_stress = pressure(read_dft_result(run / f"dft/{name}.json"))
        of_energies = slope(loaded, atoms, name)
        rows[name] = {
            "atoms": len(atoms),
            "pressure_of_stress_gigapascal": of_stress,
            "pressure_of_energies_gigapascal": of_energies,
            "difference_gigapascal": of_stress - of_energies,
        }
        sys.stdout.write(
            f"{name}: {len(atoms)} atoms, pressure {of_stress:.3f} GPa by the stress, "
            f"{of_energies:.3f} by energies: {of_stress - of_energies:.3f} apart\n"
        )
        sys.stdout.flush()
    shifts = [row["difference_gigapascal"] for row in rows.values()]
    found = {
        "snapshots": rows,
        "mean_difference_gigapascal": float(np.mean(shifts)),
        "std_difference_gigapascal": float(np.std(shifts, ddof=1)) if len(shifts) > 1 else None,
    }
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"difference {np.mean(shifts):.3f} GPa on average\n")


def slope(loaded: Config, atoms: Atoms, name: str) -> float:
    """Pressure by the energies at both ends, GPa."""
    ends = [
        (moved.get_volume(), pwx_result(loaded, moved, RUNS / f"{name}_{label}"))
        for label, moved in (
            ("smaller", deformed(atoms, (1 - STRAIN) * np.eye(3))),
            ("larger", deformed(atoms, (1 + STRAIN) * np.eye(3))),
        )
    ]
    (first, begin), (second, end) = ends
    assert begin.total_free_energy is not None  # noqa: S101 - pw.x gives it
    assert end.total_free_energy is not None  # noqa: S101
    change = end.total_free_energy - begin.total_free_energy
    return float(-GIGAPASCAL * change / (second - first))


def pressure(result: DftResult) -> float:
    """By the stress, GPa."""
    assert result.stress is not None  # noqa: S101
    return float(-GIGAPASCAL * np.trace(result.stress) / 3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("results-flagship"))
    parser.add_argument("--config", type=Path, default=Path("config/flagship.yaml"))
    parser.add_argument("--snapshots", nargs="+", default=list(SNAPSHOTS))
    given = parser.parse_args()
    main(given.run, given.config, given.snapshots)
