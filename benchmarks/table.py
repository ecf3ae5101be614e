"""Rows of a shipped table of trained networks, compared with the same rows made again here.

    make bench-table MATERIAL=magnesium

computes the DFT snapshots of a material, its descriptors, and the first configurations of its
table; more configurations begin with the same ones. On one machine the rows are equal to the last
digit. Between machines the losses differ, as other processors round otherwise; the table then says
by how much. Costs are not compared.
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from surrogate_hpo.data.trained_tables import read_trained_table
from surrogate_hpo.search.trained_table import Configuration, TrainedTable

SHIPPED = Path("benchmarks/data/tables")
OUT = Path("benchmarks/out/table.json")


def values(one: Configuration) -> Iterator[tuple[str, list[float]]]:
    """What the trainings and scores of a configuration have found, by kind."""
    yield "validation loss", [loss for row in one.rows for loss in row.losses]
    yield "error of the free energy", [error for row in one.rows for error in row.free_energies]
    yield "scores", list(one.scores.values())


def deviations(shipped: TrainedTable, made: TrainedTable) -> dict[str, dict[str, Any]]:
    """Numbers that are equal, and the largest relative deviation of the others."""
    found: dict[str, list[float]] = {}
    for theirs, ours in zip(shipped.configurations, made.configurations, strict=False):
        if theirs.hyperparameters != ours.hyperparameters:
            raise SystemExit("The tables have other configurations: another seed or space.")
        for (kind, old), (_, new) in zip(values(theirs), values(ours), strict=True):
            found.setdefault(kind, []).extend(map(deviation, old, new))
    return {
        kind: {"numbers": len(all_), "equal": all_.count(0.0), "largest_deviation": max(all_)}
        for kind, all_ in found.items()
    }


def deviation(old: float, new: float) -> float:
    """Relative; 0 of equal numbers, infinite where one of two others is none."""
    if old == new or (math.isnan(old) and math.isnan(new)):
        return 0.0
    return abs(new - old) / abs(old) if old and math.isfinite(new - old) else math.inf


def main() -> None:
    """Print a row per kind of number and write the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("material", help=f"a table in {SHIPPED}")
    parser.add_argument("made", type=Path, help="table.csv with the first of its configurations")
    options = parser.parse_args()
    known = SHIPPED / f"{options.material}.csv"
    shipped = read_trained_table(known, known.with_suffix(".json"))
    made = read_trained_table(options.made, options.made.with_suffix(".json"))
    found = deviations(shipped, made)
    rows = sum(len(one.rows) for one in made.configurations)
    print(f"{options.material}: {rows} rows made again\n")
    print("| numbers | compared | equal | largest relative deviation |\n|---|---|---|---|")
    for kind, entry in found.items():
        print(
            f"| {kind} | {entry['numbers']} | {entry['equal']} | {entry['largest_deviation']:.1e} |"
        )
    OUT.parent.mkdir(parents=True, exist_ok=True)
    summary = {"material": options.material, "rows": rows, "numbers": found}
    OUT.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
