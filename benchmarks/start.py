"""CPU seconds that a run spends beside pw.x and training, before and after, in one go.

Two commits are unpacked from this repository and run the same chain, one after the other: the
tutorial with fewer snapshots, k points, trials and epochs, so that it takes minutes. pw.x is called
by a script that writes down its CPU time. What is left of all processes' CPU time without pw.x, and
without the jobs of `search` and `train`, is called overhead: starts, and the work of all other
stages. A part of a
smaller chain goes before, uncounted, in which numba compiles for that commit.
Then `ldos` and `descriptors` of one cell of four atoms are started alone: the least of some
rounds, with what little work there is.

    python benchmarks/start.py [--before COMMIT] [--after COMMIT] [--snapshots 20]
"""

import argparse
import json
import os
import platform
import re
import resource
import shlex
import stat
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml

from surrogate_hpo.formats.espresso.engine import find_engine
from surrogate_hpo.run.cost import total_cost

OUT = Path("benchmarks/out/start.json")
REPOSITORY = Path(__file__).parents[1]
# The commit that the start-up was first measured at.
BEFORE = "042e41e"
ROUNDS = 3
# Not overhead, whatever it costs.
TRAININGS = ("search", "train")
# The tutorial of BEFORE, which all later commits read: but coarse where pw.x and networks work.
SETTINGS: dict[str, Any] = {
    "seed": 2022,
    "snapshots": {
        "method": "displacements",
        "cell": {
            "symbol": "Al",
            "structure": "fcc",
            "lattice_constant_angstrom": 4.05,
            "cubic": True,
        },
        "temperature_kelvin": 298,
        "debye_waller_b_angstrom2": 0.86,
    },
    "dft": {
        "pseudopotentials": {"Al": "pseudopotentials/Al.hgh-lda.UPF"},
        "cutoff_rydberg": 16,
        "kpoints": [2, 2, 2],
        "kpoints_shift": [1, 1, 1],
        "bands": 20,
        "electronic_temperature_kelvin": 5000,
    },
    "ldos": {
        "kernel": "gaussian",
        "width_ev": 0.5,
        "minimum_ev": -6,
        "maximum_ev": 13,
        "spacing_ev": 0.25,
    },
    "acsd": {"cutoff_radii_angstrom": [3.0, 3.5, 4.0, 4.676, 5.5, 6.5], "twojmax": [4, 6, 8, 10]},
    "naswot": {
        "layers": [1, 2, 3],
        "widths": [32, 64, 128, 192],
        "activations": ["sigmoid", "tanh"],
        "batch_size": 50,
        "initialisations": 5,
        "direction": "minimise",
    },
    "search": {"trials": 2, "initialisations": 1, "maximum_epochs": 1, "points": 4000},
    "train": {"seeds": 2, "maximum_epochs": 1},
}


def main() -> None:
    """Run both commits, print the tables, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default=BEFORE)
    parser.add_argument("--after", default="HEAD")
    parser.add_argument("--snapshots", type=int, default=20)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for side in ("before", "after"):
            folder = Path(name) / side
            commit = unpack(getattr(options, side), folder / "source")
            warm = folder / "warm"
            run_chain(warm, folder / "source", 5, options.cores, "results/acsd/choice.json")
            chain = run_chain(folder / "run", folder / "source", options.snapshots, options.cores)
            starts = {
                stage: start(stage, folder / "run", folder / "source")
                for stage in ("ldos", "descriptors")
            }
            found[side] = {"commit": commit, **chain, "start_cpu_seconds": starts}
    print_table(found)
    report = {
        "machine": platform.processor() or platform.machine(),
        "snapshots": options.snapshots,
        "ldos_start_cpu_seconds": found["after"]["start_cpu_seconds"]["ldos"],
        "descriptors_start_cpu_seconds": found["after"]["start_cpu_seconds"]["descriptors"],
        "make_run_overhead_ratio": found["after"]["overhead"] / found["before"]["overhead"],
        **found,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def unpack(commit: str, folder: Path) -> str:
    """The files of a commit; returns its short name."""
    git = ["git", "-C", str(REPOSITORY)]
    packed = subprocess.run([*git, "archive", commit], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    named = [*git, "rev-parse", "--short", commit]
    return subprocess.run(named, capture_output=True, text=True, check=True).stdout.strip()


def run_chain(
    folder: Path, source: Path, snapshots: int, cores: int, *targets: str
) -> dict[str, Any]:
    """Run the chain in a new folder; CPU seconds of its parts."""
    folder.mkdir(parents=True)
    (folder / "pseudopotentials").symlink_to(source / "pseudopotentials")
    pw, log = folder / "pw.x", folder / "pw.times"
    pw.write_text(
        f'#!/bin/bash\n{shlex.join(find_engine().arguments)} "$@"\nstatus=$?\n'
        f"times >> {shlex.quote(str(log))}\nexit $status\n"
    )
    pw.chmod(pw.stat().st_mode | stat.S_IXUSR)
    held_out = max(1, snapshots // 5)
    numbers = {"training": snapshots - 2 * held_out, "validation": held_out, "test": held_out}
    settings = SETTINGS | {
        "snapshots": SETTINGS["snapshots"] | numbers,
        "dft": SETTINGS["dft"] | {"command": str(pw)},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", source / "Snakefile"),
        *("--profile", source / "profiles/default", "--configfile", "config.yaml"),
        *("--cores", cores, "--notemp", *targets),
    ]
    total = cpu_seconds(command, folder, source)
    costs = total_cost(sorted(folder.glob("results/cost/**/*.json")))
    pw_seconds = sum(map(float, re.findall(r"[\d.]+(?=s)", log.read_text())))
    pw_seconds += 60 * sum(map(float, re.findall(r"\d+(?=m)", log.read_text())))
    stages = {
        stage: {"jobs": cost["jobs"], "cpu_seconds": cost["cpu_seconds"]}
        for stage, cost in costs.items()
    }
    stages["dft"]["cpu_seconds"] -= pw_seconds
    snakemake = total - pw_seconds - sum(cost["cpu_seconds"] for cost in stages.values())
    stages["snakemake"] = {"jobs": 1, "cpu_seconds": snakemake}
    overhead = sum(cost["cpu_seconds"] for name, cost in stages.items() if name not in TRAININGS)
    return {"overhead": overhead, "pw_x": pw_seconds, "stages": stages}


def start(stage: str, folder: Path, source: Path) -> float:
    """CPU seconds of one job of a stage, on what the chain has left: the least of some rounds."""
    files = {
        "dft": "results/dft/training-0000.json",
        "save": "results/dft/training-0000.save",
        "structure": "results/snapshots/training-0000.extxyz",
        "acsd": "results/acsd/choice.json",
    }
    needed = {"ldos": ("dft", "save"), "descriptors": ("structure", "dft", "acsd")}[stage]
    command = [sys.executable, "-m", "surrogate_hpo", stage, "--config", "config.yaml"]
    command += [word for name in needed for word in (f"--{name}", files[name])]
    command += [f"--{stage}", "again.zarr.zip"]
    return min(cpu_seconds(command, folder, source) for _ in range(ROUNDS))


def cpu_seconds(command: list[Any], folder: Path, source: Path) -> float:
    """CPU seconds of a command and all of its children."""
    environment = os.environ | {"PYTHONPATH": str(source / "src")}
    # Users' Pythons keep what they compile.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, command))}\n{done.stdout}\n{done.stderr}"[-6000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_table(found: Mapping[str, Mapping[str, Any]]) -> None:
    before, after = found["before"], found["after"]
    print(f"| CPU seconds | jobs | {before['commit']} | {after['commit']} | ratio |")
    print("|---|---|---|---|---|")
    for stage, cost in before["stages"].items():
        old, new = cost["cpu_seconds"], after["stages"][stage]["cpu_seconds"]
        print(f"| {stage} | {cost['jobs']:.0f} | {old:.1f} | {new:.1f} | {new / old:.2f} |")
    old, new = before["overhead"], after["overhead"]
    print(f"| all without pw.x, search, train | | {old:.1f} | {new:.1f} | {new / old:.2f} |")
    for stage, old in before["start_cpu_seconds"].items():
        new = after["start_cpu_seconds"][stage]
        print(f"| {stage}, alone | 1 | {old:.2f} | {new:.2f} | {new / old:.2f} |")


if __name__ == "__main__":
    main()
