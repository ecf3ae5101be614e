"""How much slower search and training become on a machine whose cores are taken.

The stages run as in the workflow, with two threads, on made-up snapshots of the tutorial's size:
alone, and beside one process per core that does nothing but count. A time is the elapsed time of
the whole job, the least of some rounds in which all take turns. Two threads that share two cores
with two others get half of them, so that 2 is what must be; what is more is waiting. `--spinning`
adds a round in which OpenMP's threads spin while they wait, as by default they do.

    python benchmarks/busy.py [--rounds 3] [--spinning]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from surrogate_hpo.data.descriptor_store import DescriptorData, write_descriptors
from surrogate_hpo.data.ldos_store import LdosData, write_ldos
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.networks.architecture import Architecture

OUT = Path("benchmarks/out/busy.json")
GRID, CELL, TWOJMAX = (20, 20, 20), 4.05 * np.eye(3), 10
ENERGIES = np.arange(-7.0, 13.0, 0.5)
SNAPSHOTS = {"training": 8, "validation": 2}
THREADS = 2
SPINNING = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "30000000000"}
SETTINGS = {
    "search": {"trials": 2, "initialisations": 2, "maximum_epochs": 3, "points": 60000},
    "train": {"maximum_epochs": 10},
}


def main() -> None:
    """Run, print the table, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spinning", action="store_true")
    options = parser.parse_args()
    others = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        alone, busy = [], []
        for _ in range(options.rounds):
            alone.append(times(folder))
            with competing(others):
                busy.append(times(folder))
        rows = {"alone": least(alone), "beside one process per core": least(busy)}
        if options.spinning:
            with competing(others):
                rows["the same, spinning"] = times(folder, SPINNING)
    print("| | search, s | training, s |\n|---|---|---|")
    for what, seconds in rows.items():
        print(f"| {what} | {seconds['search_worker']:.1f} | {seconds['train']:.1f} |")
    first, second = rows["alone"], rows["beside one process per core"]
    report = {
        "machine": platform.processor() or platform.machine(),
        "threads": THREADS,
        "competing_processes": others,
        "search_slowdown": second["search_worker"] / first["search_worker"],
        "training_slowdown": second["train"] / first["train"],
        "seconds": rows,
        "rounds": {"alone": alone, "beside one process per core": busy},
    }
    print(f"\nslower by {report['search_slowdown']:.2f} and {report['training_slowdown']:.2f}")
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def write_inputs(folder: Path) -> None:
    """Snapshots whose LDOS is a smooth function of their descriptors, and a chosen network."""
    generator = np.random.default_rng(0)
    definition = DescriptorDefinition(4.676, TWOJMAX)
    components = n_components(TWOJMAX)
    directions = generator.normal(size=(components, len(ENERGIES))) / components**0.5
    for split, count in SNAPSHOTS.items():
        for number in range(count):
            values = generator.normal(size=(*GRID, components)).astype(np.float32)
            ldos = (1 + np.sin(values @ directions)).astype(np.float32)
            file = f"{split}-{number:04d}.zarr.zip"
            write_descriptors(
                folder / "descriptors" / file, DescriptorData(values, CELL, definition), {}
            )
            data = LdosData(ldos, LdosAxis(ENERGIES, "gaussian", 1.0), CELL, 12.0)
            write_ldos(folder / "ldos" / file, data, {})
    choice = {"architecture": Architecture((192, 192, 192), "tanh").to_dict()}
    (folder / "naswot.json").write_text(json.dumps(choice), encoding="utf-8")
    config = Path(__file__).parents[1] / "config" / "config.yaml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings |= {name: settings[name] | changes for name, changes in SETTINGS.items()}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def times(folder: Path, environment: dict[str, str] | None = None) -> dict[str, float]:
    """Elapsed seconds of the jobs, one after the other."""
    data: dict[str, list[Any]] = {
        "config": [folder / "config.yaml"],
        "threads": [THREADS],
        "naswot": [folder / "naswot.json"],
    }
    for option, kind, split in (
        ("descriptors", "descriptors", "training"),
        ("ldos", "ldos", "training"),
        ("validation-descriptors", "descriptors", "validation"),
        ("validation-ldos", "ldos", "validation"),
    ):
        data[option] = sorted((folder / kind).glob(f"{split}-*"))
    found = {}
    with tempfile.TemporaryDirectory(dir=folder) as name:
        out = Path(name)
        state: dict[str, list[Any]] = {"state": [out / "state"]}
        trials, chosen = out / "0.json", out / "choice.json"
        stages: dict[str, dict[str, list[Any]]] = {
            "search_worker": data | state | {"worker": [0], "results": [trials]},
            "search": state
            | {"config": data["config"], "workers": [trials]}
            | {"trials": [out / "trials.csv"], "choice": [chosen]},
            "train": data
            | state
            | {
                "search": [chosen],
                "initialisation": [0],
                "model": [out / "model.pt"],
                "history": [out / "history.csv"],
                "validation-losses": [out / "losses.csv"],
            },
        }
        for stage, options in stages.items():
            words = [
                word
                for option, values in options.items()
                for word in (f"--{option}", *map(str, values))
            ]
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "surrogate_hpo", stage, *words],
                env=os.environ | (environment or {}),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            found[stage] = time.perf_counter() - begun
    return found


@contextmanager
def competing(count: int) -> Iterator[None]:
    """Processes that take the cores, until the block ends."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def least(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {stage: min(seconds[stage] for seconds in rounds) for stage in rounds[0]}


if __name__ == "__main__":
    main()
