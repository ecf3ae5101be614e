"""Parts of a long measurement, stored one by one, and what follows from those that are there."""

import argparse
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from surrogate_hpo.files.documents import write_document

Row = dict[str, Any]


class Parts:
    """Measured rows by name, in a file that is written after each.

    Parameters
    ----------
    path
        The file; what another surrogate, grid or code has measured is forgotten.
    conditions
        What all rows have in common.
    """

    def __init__(self, path: Path, conditions: Mapping[str, Any]) -> None:
        self._path, self._conditions = path, json.loads(json.dumps(conditions))
        self.rows: dict[str, Row] = {}
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["conditions"] == self._conditions:
                self.rows = kept["rows"]

    def __call__(self, name: str, measure: Callable[[], Row]) -> Row:
        """Give a row: a stored one, or a new one, which is stored."""
        if name not in self.rows:
            self.rows[name] = measure()
            write_document(self._path, {"conditions": self._conditions, "rows": self.rows})
        return self.rows[name]


def digest(*paths: Path) -> str:
    """SHA-256 of files, and of all Python files of folders."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.read_bytes())
    return found.hexdigest()


def document_of(rows: dict[str, Row], options: argparse.Namespace) -> Row:
    """What follows from the rows that are there."""
    found = [rows[f"size {n}"] for n in sorted(options.atoms) if f"size {n}" in rows]
    smallest, largest = found[0], found[-1]
    document = {
        f"peak_gibibytes_{largest['atoms']}": largest["peak_gibibytes"],
        "scratch_bytes_per_point": largest["scratch_bytes_per_point"],
        "grid_spacing_angstrom": options.spacing,
        "sizes": found,
    }
    if largest is not smallest:
        ratio = largest["seconds_per_atom"] / smallest["seconds_per_atom"]
        document[f"cost_ratio_{largest['atoms']}_to_{smallest['atoms']}"] = ratio
    turns = range(options.rounds)
    before, now, single = (
        [rows.get(f"{kind} {n}") for n in turns] for kind in ("before", "now", "float32")
    )
    if pairs := [(a, b) for a, b in zip(before, now, strict=True) if a and b]:
        document |= change(pairs) | {"before": options.before}
    if pairs := [(a, b) for a, b in zip(before, single, strict=True) if a and b]:
        document["in_float32"] = change(pairs)
    spent = smallest["microseconds_per_point"]
    if other := rows.get("lammps and torch"):
        both = other["lammps_microseconds_per_point"] + other["torch_microseconds_per_point"]
        document |= other | {"speedup_over_lammps_and_torch": both / spent}
    if other := rows.get(f"pwx {options.pwx_atoms}"):
        # At the spacing of pw.x's own grid.
        same = rows[f"size {options.pwx_atoms}"]["microseconds_per_point"]
        seconds = 1e-6 * same * math.prod(other["pwx_grid"])
        document |= other | {"speedup_over_pwx": other["pwx_cpu_seconds"] / seconds}
    return document


def change(pairs: list[tuple[Row, Row]]) -> Row:
    """Ratio of the medians, and difference of the energies, of runs before and now."""
    before, now = (
        median(row["microseconds_per_point"] for row in one) for one in zip(*pairs, strict=True)
    )
    earlier, later = pairs[0]
    difference = later["energy_ev_per_atom"] - earlier["energy_ev_per_atom"]
    return {
        "speedup_per_point": before / now,
        "energy_difference_mev_per_atom": 1000 * difference,
        "scratch_bytes_per_point_before": earlier["scratch_bytes_per_point"],
    }
