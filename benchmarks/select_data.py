"""Energies and forces that `make bench-select` replays: benchmarks/data/select/*.extxyz.

The training snapshots of `benchmarks/data/select/<set>.yaml`, on top of `config/config.yaml`, each
by the package's own stages `snapshots` and `dft`, one after the other. Interrupted, it goes on when
it is called again: runs are kept in benchmarks/out/select.

    python benchmarks/select_data.py tutorial [--number 120]
    python benchmarks/select_data.py flagship
"""

import argparse
import shutil
import sys
import time
from pathlib import Path

from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from surrogate_hpo.config.load import load_config
from surrogate_hpo.config.project import Config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.formats.structures.structures import read_structure, write_structure
from surrogate_hpo.stages.dft.stage import dft
from surrogate_hpo.stages.snapshots.stage import make_snapshot

DATA, RUNS = Path("benchmarks/data/select"), Path("benchmarks/out/select")


def main(name: str, number: int | None) -> None:
    """Compute what is missing of the first structures, then write them."""
    loaded = load_config([Path("config/config.yaml"), DATA / f"{name}.yaml"])
    runs = RUNS / name
    runs.mkdir(parents=True, exist_ok=True)
    frames = []
    for snapshot in loaded.snapshots.names("training")[:number]:
        atoms = make_snapshot(loaded.snapshots, snapshot, seed=loaded.seed)
        frames.append(computed(loaded, atoms, runs / snapshot))
    with replacing(DATA / f"{name}.extxyz") as partial, partial.open("w") as stream:
        write(stream, frames, format="extxyz")


def pwx_result(loaded: Config, atoms: Atoms, stem: Path) -> DftResult:
    """By the settings of a config, from pw.x where it has not been run before."""
    structure, found = stem.with_suffix(".extxyz"), stem.with_suffix(".json")
    if not found.is_file():
        write_structure(structure, atoms)
        started = time.perf_counter()
        dft(
            settings=loaded.dft,
            seed=loaded.seed,
            structure=structure,
            pseudopotentials=[Path(file) for file in loaded.dft.pseudopotentials.values()],
            dft=found,
            save=stem.with_suffix(".save"),
        )
        shutil.rmtree(stem.with_suffix(".save"))  # wavefunctions, which nothing here needs
        sys.stdout.write(f"{stem}: {time.perf_counter() - started:.1f} s\n")
        sys.stdout.flush()
    return read_dft_result(found)


def computed(loaded: Config, atoms: Atoms, stem: Path) -> Atoms:
    """A structure with total free energy and forces, by pw.x where it has not been run before."""
    result = pwx_result(loaded, atoms, stem)
    labelled = read_structure(stem.with_suffix(".extxyz"))
    labelled.calc = SinglePointCalculator(
        labelled, free_energy=result.total_free_energy, forces=result.forces
    )
    return labelled


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("set", choices=("tutorial", "flagship"))
    arguments.add_argument("--number", type=int, help="how many; all if left out")
    chosen = arguments.parse_args()
    main(chosen.set, chosen.number)
