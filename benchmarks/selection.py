"""What rules that choose the next DFT runs are worth beside random choices; their cost.

1. The audit of `snakemake select_audit` on the shipped energies and forces of
   benchmarks/data/select (made by `benchmarks/select_data.py`), learning from energies and forces,
   and from energies alone.
2. CPU time of a choice from 10 000 candidates of 8 atoms: descriptors, what is dropped, all
   measures, 20 chosen.
3. A relaxation by a potential that is taught in rounds against pw.x at every step; its DFT runs
   are made where they are not there.
4. Spreads over the networks of finished runs against their errors (`selection_spreads.py`).

Writes benchmarks/out/select.json. A part that is left out keeps what an earlier run has found.

    python benchmarks/selection.py [--parts audit cost relaxation spreads]
                                   [--tutorial results] [--flagship results-flagship]
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ase.build import bulk
from select_data import DATA
from selection_relaxation import relaxation
from selection_spreads import spreads

from surrogate_hpo.dft.supercells import shaped_supercell
from surrogate_hpo.dft.thermal import thermal_displacements
from surrogate_hpo.potential.features import AtomDescriptor
from surrogate_hpo.selection.choosing import choose, measures_of, pool_of
from surrogate_hpo.selection.features import describe
from surrogate_hpo.selection.filters import duplicates, extrapolation, overlaps, shortest_known
from surrogate_hpo.selection.options import RULES
from surrogate_hpo.stages.select_audit.settings import SelectAuditSettings
from surrogate_hpo.stages.select_audit.stage import select_audit

OUT = Path("benchmarks/out/select.json")
SEED, REPLAYS = 2026, 20
CANDIDATES, KNOWN, CHOSEN = 10_000, 50, 20
SECONDS = "selection_cpu_seconds_10000"
PARTS = ("audit", "cost", "relaxation", "spreads")
LEARNERS = {"energies and forces": 0.01, "energies": 0.0}


def main(options: argparse.Namespace) -> None:
    """The parts that are asked for, written after each."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    document = json.loads(OUT.read_text(encoding="utf-8")) if OUT.is_file() else {}
    document = {"data_sets": {}, "relaxation": None, SECONDS: None, "spreads": {}} | document
    if "audit" in options.parts:
        for path in sorted(DATA.glob("*.extxyz")):
            for name, weight in LEARNERS.items():
                document["data_sets"][f"{path.stem}, {name}"] = audit(path, weight)
                write(document)
    if "cost" in options.parts:
        document[SECONDS] = selection_seconds()
        write(document)
    if "relaxation" in options.parts:
        document["relaxation"] = relaxation()
        write(document)
    if "spreads" in options.parts:
        document["spreads"] = spreads(options.tutorial, options.flagship)
        write(document)
    sys.stdout.write(told(document))


def write(document: dict[str, Any]) -> None:
    """What is there so far."""
    OUT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def audit(path: Path, weight: float) -> dict[str, Any]:
    """What each rule is worth on a data set."""
    settings = SelectAuditSettings(
        files=[str(path)], seeds=REPLAYS, force_weight_angstrom_per_atom=weight
    )
    started = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        select_audit(
            settings=settings,
            seed=SEED,
            curves=folder / "curves.csv",
            worths=folder / "worths.csv",
            taus=folder / "taus.csv",
            summary=folder / "summary.json",
            state=folder / "state",
        )
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return {
        "structures": summary["structures"],
        "cpu_seconds": time.process_time() - started,
        "verdict": summary["verdict"][-1],
        "rules": {
            rule: {
                **{key: one["energy_mae"][key] for key in ("dft_ratio_to_random", "low", "high")},
                "energy_rmse": one["energy_rmse"],
                "force_rmse": one.get("force_rmse"),
                "target_mev_per_atom": one["energy_mae"]["target"],
                "tau": one["tau"] and one["tau"]["value"],
                "tau_low": one["tau"] and one["tau"]["low"],
                "tau_high": one["tau"] and one["tau"]["high"],
            }
            for rule, one in summary["rules"].items()
        },
    }


def selection_seconds() -> float:
    """CPU seconds from structures to a choice."""
    primitive = bulk("Al", "fcc", a=4.05)
    structures = [
        thermal_displacements(
            shaped_supercell(primitive, 8, shape=number % 6),
            temperature=(300, 600, 1000)[number % 3],
            debye_waller_b=0.86,
            reference_temperature=300,
            seed=number,
        )
        for number in range(KNOWN + CANDIDATES)
    ]
    descriptor = AtomDescriptor(4.75, 6, ("Al",))
    describe(structures[:1], descriptor)  # compiled, or loaded
    started = time.process_time()
    shortest = shortest_known(structures[:KNOWN], 4.75)
    assert not [one for one in structures if overlaps(one, shortest, 0.5)]  # noqa: S101
    features = describe(structures, descriptor)
    assert not duplicates(features, KNOWN, 1e-6)  # noqa: S101
    extrapolation(features, KNOWN)
    known, candidates = range(KNOWN), range(KNOWN, len(structures))
    measures_of(pool_of(features, candidates, known, seed=SEED), RULES[:-1])
    choose(features, candidates, known, rule="nearest_neighbours", number=CHOSEN, seed=SEED)
    return time.process_time() - started


def told(document: dict[str, Any]) -> str:
    """A table for people."""
    lines = []
    for name, found in document["data_sets"].items():
        lines.append(f"{name}: {found['structures']} structures, {found['cpu_seconds']:.0f} CPU s")
        for rule, one in found["rules"].items():
            ends = [one["dft_ratio_to_random"], one["low"], one["high"]]
            ratio, low, high = ("never" if end is None else f"{end:.2f}" for end in ends)
            tau = "" if one["tau"] is None else f"   tau {one['tau']:+.2f}"
            lines.append(f"  {rule:20s} {ratio} ({low} to {high}){tau}")
        lines.append(f"  {found['verdict']}")
    if document[SECONDS] is not None:
        lines.append(f"10 000 candidates of 8 atoms: {document[SECONDS]:.0f} CPU s")
    if (found := document["relaxation"]) is not None:
        lines.append(
            f"relaxation: {found['dft_calls']} DFT runs instead of {found['direct_dft_calls']}, "
            f"{found['energy_error_mev']:.2f} meV, {found['structure_error_angstrom']:.4f} Å"
        )
    for name, found in document["spreads"].items():
        lines.append(f"{name}: {found['structures']} structures")
        for spread, one in found["tau"].items():
            within = one["within_classes"]
            lines.append(
                f"  {spread:20s} tau {one['tau']:+.2f} ({one['low']:+.2f} to {one['high']:+.2f})"
                + ("" if within is None else f", within {one['classes']} classes {within:+.2f}")
            )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments.add_argument("--tutorial", type=Path, default=Path("results"))
    arguments.add_argument("--flagship", type=Path, default=Path("results-flagship"))
    main(arguments.parse_args())
