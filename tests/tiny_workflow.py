"""Runs the whole chain on the tiny case of config/tiny.yaml."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder), "--profile", str(REPOSITORY / "profiles" / "default"),
        "--configfile", str(folder / "config.yaml"), "--cores", "2", *arguments,
    ]  # fmt: skip


def snakemake(
    folder: Path, *arguments: str, source: Path | None = None
) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if source is not None:
        environment["PYTHONPATH"] = str(source)
    return subprocess.run(
        command(folder, *arguments),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=900,
    )


def planned(folder: Path, *arguments: str, source: Path | None = None) -> set[str]:
    """Rules that Snakemake would run."""
    done = snakemake(folder, "--dry-run", *arguments, source=source)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = re.findall(r"^(\w+) +\d+$", done.stdout + done.stderr, re.MULTILINE)
    return set(jobs) - {"all", "total"}


def edit_config(folder: Path, section: str, **changes: object) -> None:
    path = folder / "config.yaml"
    settings = yaml.safe_load(path.read_text())
    settings.setdefault(section, {}).update(changes)
    path.write_text(yaml.safe_dump(settings))


def new_folder(folder: Path, config: str = "tiny.yaml") -> Path:
    folder.mkdir(parents=True)
    settings = yaml.safe_load((REPOSITORY / "config" / config).read_text())
    potentials = settings["dft"]["pseudopotentials"]
    settings["dft"]["pseudopotentials"] = {k: str(REPOSITORY / v) for k, v in potentials.items()}
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def numbers(folder: Path) -> dict[str, object]:
    """Everything a scientist would quote: choices, energies, errors, histories."""
    results = folder / "results"
    tables = sorted(p for p in results.rglob("*.csv") if not p.name.startswith("cost_per_"))
    summary = json.loads((results / "evaluate" / "summary.json").read_text())
    choices = {
        f"{stage}/choice.json": json.loads((results / stage / "choice.json").read_text())
        for stage in ("acsd", "naswot", "search")
    }
    return {str(p.relative_to(results)): p.read_text() for p in tables} | {
        "quantities": {k: v for k, v in summary.items() if k not in ("cost", "provenance")},
        **{
            name: {k: v for k, v in choice.items() if k != "provenance"}
            for name, choice in choices.items()
        },
    }


def differences(got: dict[str, object], expected: dict[str, object]) -> dict[str, object]:
    """What `numbers` differ in: the first differing line of each file, got and expected.

    Numbers may differ by 3e-4: of pw.x it was seen on a busy machine that it does not repeat the
    last digits (1e-13), which flips the rounding of an LDOS to single precision here and there
    (6e-8 of one value); a network trained on it inherits that, and the fit of its last layer to
    six snapshots makes 6e-5 of an energy's error of it (5e-5 meV/atom). Another order of points or
    another start of a network changes percents.
    """
    found: dict[str, object] = {}
    for name in sorted(got.keys() | expected.keys()):
        one, other = (str(side.get(name)).splitlines() for side in (got, expected))
        unequal = (pair for pair in itertools.zip_longest(one, other) if not alike(*pair))
        if (first := next(unequal, None)) is not None:
            found[name] = first
    return found


def alike(one: str | None, other: str | None) -> bool:
    """Whether two lines are the same but for the last digits of their numbers."""
    if one is None or other is None or NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=3e-4, abs_tol=1e-7) for a, b in pairs)
