"""Cost of the bispectrum per grid point, beside LAMMPS' `compute sna/grid`, in one run.

One thread each, unless said otherwise. A time is the least CPU time of several rounds, in which
all contenders take turns so that other work on the machine disturbs all alike. LAMMPS' time
is that of the compute alone, without its start, reading and set-up of neighbours; the times
of this package are those of the whole call, with its neighbour bins.
"""

import json
import platform
import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from descriptor_cases import Array, Case, Lammps, alloy, aluminium

from surrogate_hpo.descriptors.adjoint.gradient import bispectrum_adjoint
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.neighbours import neighbour_bins
from surrogate_hpo.descriptors.torch_engine.bispectrum import torch_bispectrum
from surrogate_hpo.descriptors.triples import n_components

OUT = Path("benchmarks/out/descriptors.json")
TWOJMAX = (4, 6, 8, 10)
CUTOFFS = (3.0, 4.0, 4.676, 5.5, 6.5)
# On a CPU, torch is slow, and its cost per point does not depend on how many there are.
TORCH_STRIDE = 8


class Result(NamedTuple):
    """CPU seconds per point, and the values at every `stride`-th point of the grid."""

    seconds: float
    values: Array
    stride: int = 1


Contender = Callable[[Case, int], Result]
Key = TypeVar("Key", bound=Hashable)


def by_engine(
    engine: Callable[..., Array],
    case: Case,
    twojmax: int,
    *,
    points: Array | None = None,
    stride: int = 1,
    **options: object,
) -> Result:
    """Time an engine of this package on the case's grid, or on other points."""
    points = (case.points if points is None else points)[::stride]
    start = time.process_time()
    values = engine(points, case.positions, case.cell, twojmax=twojmax, **case.options, **options)
    return Result((time.process_time() - start) / len(points), values, stride)


def by_lammps(lammps: Lammps, case: Case, twojmax: int) -> Result:
    """Time LAMMPS."""
    seconds, values = lammps(case, twojmax)
    return Result(seconds / len(values), values)


def all_contenders(lammps: Lammps) -> dict[str, Contender]:
    """LAMMPS and all engines."""
    found: dict[str, Contender] = {"LAMMPS": partial(by_lammps, lammps)}
    for kind in ("float64", "float32"):
        found[f"native_{kind}"] = partial(by_engine, bispectrum, dtype=kind)
        found[f"torch_{kind}"] = partial(
            by_engine, torch_bispectrum, dtype=kind, stride=TORCH_STRIDE
        )
    return found


def race(runs: Mapping[Key, Callable[[], Result]], *, rounds: int = 5) -> dict[Key, Result]:
    """The fastest of several rounds of each; the first also compiles and warms up."""
    best: dict[Key, Result] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            result = run()
            if name not in best or result.seconds < best[name].seconds:
                best[name] = result
    return best


def print_table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    print(flush=True)


def largest_error(result: Result, reference: Array) -> float:
    """Largest difference, relative to each component's largest value."""
    expected = reference[:: result.stride]
    difference = np.abs(result.values - expected).max(axis=0)
    return float((difference / np.abs(expected).max(axis=0)).max())


def engines(contenders: Mapping[str, Contender], case: Case) -> dict[str, Any]:
    """All contenders at every band limit: time, and difference from LAMMPS."""
    times: dict[str, dict[str, float]] = {name: {} for name in contenders}
    errors: dict[str, dict[str, float]] = {name: {} for name in contenders}
    for twojmax in TWOJMAX:
        results = race({n: partial(run, case, twojmax) for n, run in contenders.items()})
        for name, result in results.items():
            times[name][str(twojmax)] = 1e6 * result.seconds
            errors[name][str(twojmax)] = largest_error(result, results["LAMMPS"].values)
    faster = {
        name: {n: times["LAMMPS"][n] / found[n] for n in found} for name, found in times.items()
    }
    print_table(
        f"{case.name}: {case.neighbours:.0f} neighbours, {case.grid**3} points; µs per point, "
        "how many times faster than LAMMPS, and the largest difference from LAMMPS relative to "
        "each component's largest value",
        ["engine", *(f"2J_max {n}" for n in TWOJMAX)],
        (
            [name]
            + [
                f"{t:.1f}" if name == "LAMMPS" else f"{t:.1f}, {faster[name][n]:.1f}×, {e:.0e}"
                for n, t, e in zip(row, row.values(), errors[name].values(), strict=True)
            ]
            for name, row in times.items()
        ),
    )
    return {"microseconds_per_point": times, "speedup_over_lammps": faster, "error": errors}


def two_threads(case: Case) -> float:
    """Wall time of one thread over that of two: native kernel, float64, 2J_max 10."""
    walls: dict[int, list[float]] = {1: [], 2: []}
    points = case.points
    for _ in range(5):
        for threads, measured in walls.items():
            start = time.perf_counter()
            bispectrum(
                points, case.positions, case.cell, twojmax=10, threads=threads, **case.options
            )
            measured.append(time.perf_counter() - start)
    least = {threads: min(measured) for threads, measured in walls.items()}
    print_table(
        f"Threads: {case.name}, {len(points)} points, native_float64, 2J_max 10",
        ["threads", "wall s", "times faster"],
        ([n, f"{wall:.3f}", f"{least[1] / wall:.2f}"] for n, wall in least.items()),
    )
    return least[1] / least[2]


def bins_alone(case: Case) -> Result:
    """Time the sorting of atoms into neighbour bins: seconds in all, no values."""
    start = time.process_time()
    neighbour_bins(case.positions, case.cell, cutoff_radius=case.cutoff_radius)
    return Result(time.process_time() - start, np.empty(0))


def numbers_of_atoms(contenders: Mapping[str, Contender], case: Case) -> dict[str, float]:
    """Cost per point against the number of atoms, at 2J_max 4 and 10.

    The same number of points looks at supercells, each plane of them in another copy of the
    small cell, so that all have equal surroundings in equal times. Bins are built once per
    call, but serve a whole grid of more points the more atoms there are. So their time is
    subtracted, and its share for a grid of equal density added. LAMMPS has no such set-up; it
    gets a coarse grid.
    """
    cells = {len(case.positions) * n**3: case.repeated(n) for n in (1, 2, 4)}
    small, *_, large = cells
    runs: dict[tuple[int, int], Callable[[], Result]] = {}
    for n_atoms, cell in cells.items():
        runs[0, n_atoms] = partial(bins_alone, cell)
        for twojmax in (4, 10):
            runs[twojmax, n_atoms] = partial(
                by_engine, bispectrum, cell, twojmax, points=scattered(case, cell)
            )
    seconds = {key: result.seconds for key, result in race(runs, rounds=7).items()}
    coarse = {n: partial(contenders["LAMMPS"], replace(cells[n], grid=6), 10) for n in cells}
    lammps = race(coarse, rounds=3)
    share = {n: seconds[0, n] / case.grid**3 for n in cells}
    cost = {
        (twojmax, n): seconds[twojmax, n] - share[n] + share[n] * small / n
        for n in cells
        for twojmax in (4, 10)
    }
    print_table(
        f"Number of atoms: supercells of {case.name}, {case.grid**3} points of each; "
        "native_float64 in µs per point, with the bins shared by a grid of equal density",
        ["atoms", "2J_max 4", "2J_max 10", "bins, ms in all", "LAMMPS, 2J_max 10"],
        (
            (
                n,
                f"{1e6 * cost[4, n]:.2f}",
                f"{1e6 * cost[10, n]:.2f}",
                f"{1e3 * seconds[0, n]:.1f}",
                f"{1e6 * lammps[n].seconds:.0f}",
            )
            for n in cells
        ),
    )
    return {str(n): cost[n, large] / cost[n, small] for n in (4, 10)}


def scattered(case: Case, supercell: Case) -> Array:
    """The points of `case`, each plane of them in another of its copies in a supercell."""
    times = supercell.grid // case.grid
    copies = np.indices((times,) * 3).reshape(3, -1).T @ case.cell
    planes = case.points.reshape(case.grid, -1, 3)
    # An odd step, so that no copy of 8 or 64 is taken twice before all are.
    chosen = copies[np.arange(case.grid) * 27 % len(copies)]
    return np.asarray((planes + chosen[:, None]).reshape(-1, 3))


def numbers_of_neighbours(contenders: Mapping[str, Contender], case: Case) -> None:
    """Cost per point against the cutoff radius, at 2J_max 10."""
    shown = {name: run for name, run in contenders.items() if "torch" not in name}
    rows = []
    for cutoff in CUTOFFS:
        wider = replace(case, cutoff_radius=cutoff)
        results = race({name: partial(run, wider, 10) for name, run in shown.items()}, rounds=3)
        rows.append(
            [cutoff, f"{wider.neighbours:.0f}"]
            + [f"{1e6 * result.seconds:.1f}" for result in results.values()]
        )
    print_table(
        f"Number of neighbours: {case.name}, 2J_max 10, µs per point",
        ["R_cut Å", "neighbours", *shown],
        rows,
    )


def derivatives(case: Case) -> dict[str, float]:
    """Time of the adjoint, dE/dR from dE/dB, beside that of the descriptors."""
    generator = np.random.default_rng(0)
    runs: dict[tuple[str, int], Callable[[], Result]] = {}
    for twojmax in TWOJMAX:
        gradient = generator.normal(size=(len(case.points), n_components(twojmax)))
        runs["descriptors", twojmax] = partial(by_engine, bispectrum, case, twojmax)
        adjoint = partial(bispectrum_adjoint, gradient=gradient)
        runs["adjoint", twojmax] = partial(by_engine, adjoint, case, twojmax)
    times = {key: 1e6 * result.seconds for key, result in race(runs).items()}
    print_table(
        f"Derivatives: {case.name}, native_float64, µs per point",
        ["", *(f"2J_max {n}" for n in TWOJMAX)],
        (
            [name, *(f"{times[name, n]:.1f}" for n in TWOJMAX)]
            for name in ("descriptors", "adjoint")
        ),
    )
    return {str(n): times["adjoint", n] for n in TWOJMAX}


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return named.group(1) if named else platform.processor() or platform.machine()


def main() -> None:
    """Print the tables and write the figures."""
    torch.set_num_threads(1)
    lammps = Lammps()
    print(f"{processor()}; LAMMPS {lammps.version}\n")
    contenders = all_contenders(lammps)
    metal = aluminium()
    first, second = engines(contenders, metal), engines(contenders, alloy())
    threads = two_threads(replace(metal, grid=40))
    atoms = numbers_of_atoms(contenders, replace(metal, grid=32))
    numbers_of_neighbours(contenders, replace(metal, grid=12))
    adjoint = derivatives(replace(metal, grid=12))
    lammps.close()
    figures = {
        "speedup_over_lammps": {
            f"native_{kind}": first["speedup_over_lammps"].get(f"native_{kind}")
            for kind in ("float64", "float32")
        },
        "two_thread_speedup": threads,
        "cost_ratio_2048_to_32_atoms": max(atoms.values()),
        "cost_ratio_2048_to_32_atoms_by_twojmax": atoms,
        "one_element": first,
        "two_elements": second,
        "adjoint_microseconds_per_point": adjoint,
        "lammps_version": lammps.version,
        "processor": processor(),
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
