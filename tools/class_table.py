"""Prints the errors of the total free energy per size and temperature.

python tools/class_table.py results/evaluate/summary.json
"""

import sys
from pathlib import Path
from typing import Any

from surrogate_hpo.files.documents import read_document

QUANTITY = "total_free_energy"
HEAD = (
    "atoms",
    "ions (K)",
    "snapshots",
    "ensemble MAE",
    "baseline",
    "skill",
    "correlation",
    "expected error",
    "within it",
    "control",
)


def lines(summary: dict[str, Any]) -> list[str]:
    """A line per class, aligned; errors in meV/atom, a dash for what is not known."""
    controls = {_class(entry): entry for entry in (summary["control"] or {}).get("classes", ())}
    rows = [HEAD]
    for entry in summary["classes"]:
        energy = entry[QUANTITY]
        numbers = [energy[key] for key in ("ensemble_mae_mev_per_atom", "baseline_mev_per_atom")]
        numbers += [energy["skill"], energy["correlation"]]
        numbers += [energy["error_bar_mev_per_atom"], energy["within_error_bar"]]
        numbers.append(controls.get(_class(entry), {}).get("mae_mev_per_atom"))
        kind = [entry[key] for key in ("atoms", "temperature_kelvin", "snapshots")]
        rows.append(tuple("-" if n is None else f"{n:.3g}" for n in [*kind, *numbers]))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _class(entry: dict[str, Any]) -> tuple[int, float | None]:
    return entry["atoms"], entry["temperature_kelvin"]


if __name__ == "__main__":
    table = lines(read_document(Path(sys.argv[1]), keys=("classes", "control")))
    sys.stdout.write("total free energy, meV/atom:\n" + "\n".join(table) + "\n")
