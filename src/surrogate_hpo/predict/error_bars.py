"""Expected errors of predicted free energies and forces, judged where the truth is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.networks.error_bar import ErrorBar, ForceErrorBar
from surrogate_hpo.predict.energies import DFT, TOTAL, SnapshotEnergies

FORCES = "forces"


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


def described(bar: ErrorBar | ForceErrorBar | None) -> dict[str, Any] | None:
    """The bar as a part of a document."""
    return None if bar is None else bar.as_document()


@dataclass(frozen=True)
class ErrorBars:
    """Calibrated bars of a surrogate.

    Attributes
    ----------
    energy
        Of the total free energy; None if there was nothing to calibrate it on.
    forces
        Of the forces; None if there was nothing to calibrate it on.
    """

    energy: ErrorBar | None
    forces: ForceErrorBar | None


def write_error_bars(path: Path, bars: ErrorBars, provenance: Mapping[str, Any]) -> None:
    """Write the calibrated bars as JSON, atomically, with what made them."""
    entries = {TOTAL: described(bars.energy), FORCES: described(bars.forces)}
    write_document(path, {**entries, "provenance": provenance})


def read_error_bars(path: Path) -> ErrorBars:
    """Read what `write_error_bars` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    ErrorBars
        All digits as they were written.

    Raises
    ------
    DataError
        If the file is missing, damaged, or another document.
    """
    content = read_document(path, keys=(TOTAL, "provenance"))
    try:
        # Documents of older versions have none of the forces.
        return ErrorBars(_energy(content[TOTAL]), _forces(content.get(FORCES)))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "the file is not an error bar that `surrogate` writes",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="delete it and run the workflow again; it is remade",
        ) from error


def _energy(entry: Mapping[str, Any] | None) -> ErrorBar | None:
    if entry is None:
        return None
    return ErrorBar(
        spread_factor=float(entry["spread_factor"]),
        constant=float(entry["constant_ev_per_atom"]),
        left_out_snapshots=int(entry["left_out_snapshots"]),
        validation_snapshots=int(entry["validation_snapshots"]),
    )


def _forces(entry: Mapping[str, Any] | None) -> ForceErrorBar | None:
    if entry is None:
        return None
    return ForceErrorBar(
        spread_factor=float(entry["spread_factor"]),
        constant=float(entry["constant_ev_per_angstrom"]),
        validation_snapshots=int(entry["validation_snapshots"]),
    )
