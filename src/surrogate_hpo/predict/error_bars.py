"""Expected errors of predicted free energies, judged where the truth is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.networks.error_bar import ErrorBar
from surrogate_hpo.predict.energies import DFT, TOTAL, SnapshotEnergies


def with_error_bars(
    errors: Mapping[str, Any], rows: Sequence[SnapshotEnergies], bar: ErrorBar | None
) -> dict[str, Any]:
    """Add the expected error of the free energy to the true ones, and how often it was kept.

    Parameters
    ----------
    errors
        Of all quantities, over some snapshots.
    rows
        Energies of these snapshots from all sources.
    bar
        The calibrated bar; None if there is none.

    Returns
    -------
    dict
        With `error_bar_mev_per_atom`, the mean of the bars, and `within_error_bar`, the share of
        snapshots whose error is below theirs, of `total_free_energy`; None if not known.
    """
    bars, kept = _judged(rows, bar) if bar is not None else ([], [])
    judged = {
        "error_bar_mev_per_atom": 1000 * fmean(bars) if bars else None,
        "within_error_bar": fmean(kept) if kept else None,
    }
    return {**errors, TOTAL: {**errors[TOTAL], **judged}}


def _judged(rows: Sequence[SnapshotEnergies], bar: ErrorBar) -> tuple[list[float], list[bool]]:
    """Bar of each snapshot whose truth is known, eV/atom, and whether its error is within."""
    bars, kept = [], []
    by_snapshot: dict[str, list[SnapshotEnergies]] = {}
    for row in rows:
        by_snapshot.setdefault(row.snapshot, []).append(row)
    for members in by_snapshot.values():
        truth = fmean(row.comparable(TOTAL) for row in members if row.source == DFT)
        found = [row.comparable(TOTAL) for row in members if row.source.startswith("seed-")]
        if np.isfinite(truth):
            bars.append(bar.of(found))
            kept.append(abs(fmean(found) - truth) <= bars[-1])
    return bars, kept


def described(bar: ErrorBar | None) -> dict[str, Any] | None:
    """The bar as a part of a document."""
    return None if bar is None else bar.as_document()


def write_error_bar(path: Path, bar: ErrorBar | None, provenance: Mapping[str, Any]) -> None:
    """Write the calibrated bar as JSON, atomically, with what made it."""
    write_document(path, {TOTAL: described(bar), "provenance": provenance})


def read_error_bar(path: Path) -> ErrorBar | None:
    """Read what `write_error_bar` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ErrorBar or None
        None if there was nothing to calibrate it on.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another document.
    """
    entry = read_document(path, keys=(TOTAL, "provenance"))[TOTAL]
    if entry is None:
        return None
    try:
        return ErrorBar(
            spread_factor=float(entry["spread_factor"]),
            constant=float(entry["constant_ev_per_atom"]),
            left_out_snapshots=int(entry["left_out_snapshots"]),
            validation_snapshots=int(entry["validation_snapshots"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the file is not an error bar that `surrogate` writes",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="delete it and run the workflow again; it is remade",
        ) from error
