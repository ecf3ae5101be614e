"""Whether two files hold the same numbers, whatever they say of time, cost and provenance."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.data.models import read_state
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.files.zarr_zip import damage_named, open_dataset
from surrogate_hpo.formats.structures.structures import read_structure

# What a run measures of itself, and where its files lay: these differ in every rerun. So does
# what is left of the error at self-consistency.
_OWN = ("provenance", "cost", "second", "memory", "scf_accuracy")
Values = Iterator[tuple[str, Any]]


def number_differences(before: Path, after: Path) -> dict[str, float] | None:
    """By how much the numbers in two files differ.

    Parameters
    ----------
    before
        A file, whose kind its name tells.
    after
        A file of the same kind.

    Returns
    -------
    dict or None
        By place in the file, the largest difference over the largest magnitude; infinite for a
        text, a shape or a place that only one of them has. Empty if all numbers are the same,
        None if this is a picture or page, whose numbers stand elsewhere.
    """
    if before.read_bytes() == after.read_bytes():
        return {}
    reader = next((read for end, read in _READERS.items() if before.name.endswith(end)), None)
    if reader is None:
        return None
    old, new = dict(reader(before)), dict(reader(after))
    found = {name: _difference(old.get(name), new.get(name)) for name in sorted({*old, *new})}
    return {name: value for name, value in found.items() if value > 0}


def _difference(old: Any, new: Any) -> float:  # noqa: ANN401 (any value of a file)
    try:
        a, b = np.asarray(old, dtype=float), np.asarray(new, dtype=float)
    except (TypeError, ValueError):
        return 0.0 if old == new else np.inf
    if a.shape != b.shape or (np.isfinite(a) != np.isfinite(b)).any():
        return np.inf
    if np.array_equal(a, b, equal_nan=True):
        return 0.0
    finite = np.isfinite(a)
    change, size = np.abs(a - b)[finite], np.abs(a)[finite]
    if not change.size:
        return np.inf
    return float(change.max() / size.max()) if size.max() > 0 else np.inf


def _flat(value: Any, name: str = "") -> Values:  # noqa: ANN401
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not any(own in str(key) for own in _OWN):
                yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and not _is_numeric(value):
        for number, item in enumerate(value):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, value


def _is_numeric(value: list[Any] | tuple[Any, ...]) -> bool:
    return bool(value) and all(isinstance(item, int | float) for item in value)


def _json(path: Path) -> Values:
    return _flat(json.loads(path.read_text(encoding="utf-8")))


def _table(path: Path) -> Values:
    rows = read_table(path)
    for name in rows[0] if rows else ():
        if not any(own in name for own in _OWN):
            column = [row[name] for row in rows]
            try:
                yield name, [float(cell) if cell else np.nan for cell in column]
            except ValueError:
                yield name, column


def _store(path: Path) -> Values:
    for name, variable in open_dataset(path).variables.items():
        with damage_named(path):
            values = variable.to_numpy()
        yield str(name), values if values.dtype.kind in "fiub" else values.tolist()


def _model(path: Path) -> Values:
    try:
        state = read_state(path)
    except DataError:
        return
    for name, value in _flat(state):
        yield name, value.numpy(force=True) if hasattr(value, "numpy") else value


def _structure(path: Path) -> Values:
    atoms = read_structure(path)
    yield from {
        "elements": atoms.get_chemical_symbols(),
        "positions": atoms.positions,
        "cell": atoms.cell.array,
    }.items()


_READERS: Mapping[str, Callable[[Path], Values]] = {
    ".json": _json,
    ".csv": _table,
    ".zarr.zip": _store,
    ".pt": _model,
    ".extxyz": _structure,
}
