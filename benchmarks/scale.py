"""Cost and memory of predictions from 256 to 16 384 atoms, and what they are against others.

1. Sizes: supercells of a displaced cell of aluminium, one process and one thread each. CPU seconds
   per atom, largest resident set, and bytes that the process writes per grid point, its output
   not among them.
2. Before: the same structure of the smallest size predicted by an earlier revision of this package
   (`--before`, taken from git), in turn with this one, and with this one's descriptors in float32:
   seconds per point and difference of energy.
3. LAMMPS' SNAP alone and a forward pass of the same networks, per grid point.
4. pw.x, self-consistent, at the size of `--pwx-atoms`; needs the config of the surrogate
   (`--config`), whose settings and pseudopotentials it takes. 0 leaves it out.

Each measured row is stored at once (`benchmarks/out/scale.parts.json`): a run that was killed goes
on there, and sizes can be added, as long as surrogate, grid spacing and code are the same.
`scale.json` holds what follows from the rows so far. Sizes are multiples of four atoms; two
small ones take minutes. Keys of what depends on sizes carry them: `cost_ratio_16384_to_256`.

    python benchmarks/scale.py [results/surrogate/surrogate.pt] [--atoms 256 16384]
        [--spacing 0.2025] [--rounds 3] [--before REVISION] [--pwx-atoms 32]
        [--config config/flagship.yaml]
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from descriptor_cases import Case, Lammps
from scale_parts import Parts, Row, digest, document_of

import surrogate_hpo
from surrogate_hpo.config.load import load_config
from surrogate_hpo.data.dft_results import read_dft_result
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.data.surrogates import read_surrogate
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.formats.structures.structures import write_structure
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.descriptor_engines import grid_engine
from surrogate_hpo.predict.prediction import predict_structure
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings, Precision
from surrogate_hpo.stages.dft.stage import dft as run_pw

OUT = Path("benchmarks/out/scale.json")
SURROGATE = Path("results/surrogate/surrogate.pt")
GIBIBYTE = 2**30
LATTICE = 4.05
# The last revision that wrote the LDOS into a file, with one network after the other.
BEFORE = "c543e93"


def main(options: argparse.Namespace) -> None:
    conditions = {
        "surrogate": digest(options.surrogate),
        "spacing": options.spacing,
        "code": digest(Path(surrogate_hpo.__file__).parent),
        "machine": processor(),
    }
    parts = Parts(OUT.with_suffix(".parts.json"), conditions)
    sizes = sorted(options.atoms)

    def store() -> None:
        document = {"machine": conditions["machine"], **document_of(parts.rows, options)}
        OUT.write_text(json.dumps(document, indent=2) + "\n")

    parts(f"size {sizes[0]}", lambda: measured(options, sizes[0]))
    parts("lammps and torch", lambda: against_lammps_and_torch(options))
    store()
    if options.before:
        measure_before(options, parts, sizes[0])
        store()
    if options.pwx_atoms:
        parts(f"size {options.pwx_atoms}", lambda: measured(options, options.pwx_atoms))
        parts(f"pwx {options.pwx_atoms}", lambda: against_pwx(options))
        store()
    for atoms in sizes[1:]:
        parts(f"size {atoms}", partial(measured, options, atoms))
        store()
    sys.stdout.write(OUT.read_text())


def processor() -> str:
    """Name of the processor as Linux gives it."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return text.partition("model name\t: ")[2].partition("\n")[0] or platform.machine()


def supercell(atoms: int) -> Atoms:
    """Cubic cells of four displaced atoms, as near to a cube as their number allows."""
    cells = atoms // 4
    if 4 * cells != atoms:
        raise SystemExit(f"--atoms: {atoms} is no multiple of 4")
    factors = [
        (a, b, cells // (a * b))
        for a in range(1, cells + 1)
        if cells % a == 0
        for b in range(a, cells // a + 1)
        if cells % (a * b) == 0
    ]
    repeats = min(factors, key=lambda one: max(one) / min(one))
    cell = thermal_displacements(
        bulk("Al", "fcc", a=LATTICE, cubic=True),
        temperature=298.0,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=0,
    )
    repeated: Atoms = cell.repeat(repeats)
    return repeated


def grid_of(atoms: Atoms, spacing: float) -> tuple[int, int, int]:
    """As many points in each cubic cell as the spacing asks for."""
    points = math.ceil(LATTICE / spacing)
    x, y, z = (round(float(length) / LATTICE) * points for length in atoms.cell.lengths())
    return x, y, z


def measured(
    options: argparse.Namespace,
    atoms: int,
    source: Path | None = None,
    precision: Precision = "float64",
) -> Row:
    """Predict one size in a process of its own, perhaps by the package of another folder."""
    command = [sys.executable, __file__, str(options.surrogate), "--worker", str(atoms)]
    command += ["--spacing", str(options.spacing), "--precision", precision]
    given = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if source is not None:
        given |= {"PYTHONPATH": str(source)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=given)
    row: Row = json.loads(done.stdout)
    return row


def work(options: argparse.Namespace) -> None:
    """One prediction; that of 32 atoms before it, which loads compiled code, is not counted."""
    surrogate = read_surrogate(options.surrogate)
    with tempfile.TemporaryDirectory(dir=OUT.parent) as folder:

        def predict(atoms: Atoms) -> Any:  # noqa: ANN401
            conditions = Conditions(grid=grid_of(atoms, options.spacing))
            if options.precision != "float64":  # revisions before this one cannot
                conditions = replace(conditions, precision=options.precision)
            return predict_structure(surrogate, atoms, conditions, Path(folder))

        predict(supercell(32))
        base, atoms = resident_peak(), supercell(options.worker)
        cpu, wall, written = time.process_time(), time.monotonic(), bytes_written()
        found = predict(atoms)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        written = bytes_written() - written
    points = found.density.size
    row = {
        "atoms": len(atoms),
        "grid_points": points,
        "seconds_per_atom": cpu / len(atoms),
        "microseconds_per_point": 1e6 * cpu / points,
        "wall_seconds": wall,
        "peak_gibibytes": resident_peak() / GIBIBYTE,
        "bytes_per_point": (resident_peak() - base) / points,
        "scratch_bytes_per_point": written / points,
        "energy_ev_per_atom": fmean(found.energies["total_free_energy"]) / len(atoms),
    }
    sys.stdout.write(json.dumps(row))


def resident_peak() -> int:
    """Largest resident set of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def bytes_written() -> int:
    """Bytes that this process has handed to the system so far, for files or terminals."""
    counts = Path("/proc/self/io").read_text(encoding="utf-8")
    return int(counts.partition("wchar:")[2].split()[0])


def measure_before(options: argparse.Namespace, parts: Parts, atoms: int) -> None:
    """The package of an earlier revision on the same structure, in turn with this one."""
    with tempfile.TemporaryDirectory(dir=OUT.parent) as folder:
        packed = subprocess.run(
            ["git", "archive", options.before, "src"], stdout=subprocess.PIPE, check=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        source = Path(folder).resolve() / "src"
        for turn in range(options.rounds):
            parts(f"before {turn}", lambda: measured(options, atoms, source))
            parts(f"now {turn}", lambda: measured(options, atoms))
            single = partial(measured, options, atoms, precision="float32")
            parts(f"float32 {turn}", single)


def against_lammps_and_torch(options: argparse.Namespace) -> Row:
    """SNAP of LAMMPS alone, and nothing but the layers of the networks, on 32 atoms."""
    surrogate, atoms = read_surrogate(options.surrogate), supercell(32)
    shape = grid_of(atoms, options.spacing)
    keywords = surrogate.definition.keywords(atoms.get_chemical_symbols())
    case = Case(
        "32 atoms",
        atoms.positions,
        atoms.cell[:],
        np.asarray(keywords["weights"]),
        np.asarray(keywords["radii"]),
        cutoff_radius=keywords["cutoff_radius"],
        grid=shape[0],
    )
    lammps = Lammps()
    snap = min(lammps(case, keywords["twojmax"])[0] for _ in range(options.rounds)) / math.prod(
        shape
    )
    lammps.close()
    engine = grid_engine(DescriptorsSettings(), surrogate.definition, atoms, shape, threads=1)
    values = engine(GridBox((0, 0, 0), shape))
    forward = forward_seconds(
        surrogate, options.rounds, torch.from_numpy(values.astype(np.float32))
    )
    return {
        "lammps_microseconds_per_point": 1e6 * snap,
        "torch_microseconds_per_point": 1e6 * forward,
    }


def forward_seconds(surrogate: Surrogate, rounds: int, descriptors: torch.Tensor) -> float:
    """CPU seconds per point of all networks, one after the other, scalings included."""
    torch.set_num_threads(1)
    found = []
    for _ in range(rounds + 1):
        start = time.process_time()
        for model in surrogate.models:
            model.predict(descriptors)
        found.append((time.process_time() - start) / len(descriptors))
    return min(found[1:])


def against_pwx(options: argparse.Namespace) -> Row:
    """CPU seconds of a self-consistent run of pw.x."""
    config, atoms = load_config([options.config]), supercell(options.pwx_atoms)
    with tempfile.TemporaryDirectory(dir=OUT.parent) as name:
        folder = Path(name).resolve()
        structure, result = folder / "large.extxyz", folder / "dft.json"
        write_structure(structure, atoms, {})
        children = os.times()
        run_pw(
            settings=config.dft.model_copy(update={"forces_and_stress": False}),
            seed=config.seed,
            structure=structure,
            pseudopotentials=[Path(path) for path in config.dft.pseudopotentials.values()],
            dft=result,
            save=folder / "dft.save",
        )
        after = os.times()
        grid = read_dft_result(result).fft_grid
    spent = [after[at] - children[at] for at in (2, 3)]
    return {
        "pwx_atoms": options.pwx_atoms,
        "pwx_cpu_seconds": sum(spent),
        "pwx_grid": list(grid),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("surrogate", nargs="?", type=Path, default=SURROGATE)
    parser.add_argument("--atoms", nargs="+", type=int, default=[256, 16384])
    parser.add_argument("--spacing", type=float, default=0.2025, help="of the grid, Å")
    parser.add_argument("--rounds", type=int, default=3, help="of what is measured in turn")
    parser.add_argument("--before", default=BEFORE, help="revision of git; '': none")
    parser.add_argument("--pwx-atoms", type=int, default=32, help="0: without pw.x")
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--precision", default="float64", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    if given.worker:
        work(given)
    else:
        main(given)
