"""Errors of every held-out snapshot: the table that a paper's supplement shows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.report.table import FigureTable, number_column, word_column

FloatArray = NDArray[np.float64]
_MEV_PER_EV = 1000.0
# Energies per atom are tens of eV, and a hundredth of an meV is worth telling.
_DIGITS = 7


@dataclass(frozen=True)
class SnapshotEnergies:
    """One quantity of all held-out snapshots, eV/atom; NaN where it is not known.

    Attributes
    ----------
    snapshot
        Names of the snapshots.
    dft
        Reference, shape (snapshots,).
    surrogate
        Predictions, shape (seeds, snapshots).
    floor
        From the reference LDOS, shape (snapshots,).
    baseline
        What the baseline predicts, shape (snapshots,).
    """

    snapshot: tuple[str, ...]
    dft: FloatArray
    surrogate: FloatArray
    floor: FloatArray
    baseline: FloatArray

    @property
    def known(self) -> bool:
        """Whether any snapshot has its reference."""
        return bool(np.isfinite(self.dft).any())

    @property
    def judged(self) -> "SnapshotEnergies":
        """The snapshots that have their reference."""
        known = np.isfinite(self.dft)
        return SnapshotEnergies(
            tuple(name for name, kept in zip(self.snapshot, known, strict=True) if kept),
            self.dft[known],
            self.surrogate[:, known],
            self.floor[known],
            self.baseline[known],
        )


def snapshot_errors_table(quantities: Mapping[str, SnapshotEnergies]) -> FigureTable:
    """Collect the signed errors, one row per quantity and snapshot.

    Parameters
    ----------
    quantities
        Name of the quantity for people, and its energies.

    Returns
    -------
    FigureTable
        Columns ``quantity``, ``snapshot``, ``dft_ev_per_atom``, ``surrogate_ev_per_atom`` (mean
        over seeds), ``error_mev_per_atom`` (predicted minus DFT), ``std_over_seeds_mev_per_atom``
        (NaN for one seed), ``floor_error_mev_per_atom``, ``baseline_error_mev_per_atom``.
    """
    names = [name for name, energies in quantities.items() for _ in energies.snapshot]
    every = list(quantities.values())

    def joined(values: list[FloatArray]) -> FloatArray:
        return np.concatenate(values) if values else np.empty(0)

    dft = joined([energies.dft for energies in every])
    mean = joined([energies.surrogate.mean(axis=0) for energies in every])
    std = joined([_std(energies.surrogate) for energies in every])
    floor = joined([energies.floor for energies in every])
    baseline = joined([energies.baseline for energies in every])
    unit = "meV/atom"
    return FigureTable(
        (
            word_column("quantity", "quantity", names),
            word_column("snapshot", "snapshot", [s for e in every for s in e.snapshot]),
            number_column("dft_ev_per_atom", "DFT", "eV/atom", dft, digits=_DIGITS),
            number_column("surrogate_ev_per_atom", "surrogate", "eV/atom", mean, digits=_DIGITS),
            number_column("error_mev_per_atom", "error", unit, _MEV_PER_EV * (mean - dft)),
            number_column("std_over_seeds_mev_per_atom", "std over seeds", unit, _MEV_PER_EV * std),
            number_column(
                "floor_error_mev_per_atom", "error of the floor", unit, _MEV_PER_EV * (floor - dft)
            ),
            number_column(
                "baseline_error_mev_per_atom",
                "error of the baseline",
                unit,
                _MEV_PER_EV * (baseline - dft),
            ),
        )
    )


def _std(values: FloatArray) -> FloatArray:
    if len(values) > 1:
        return np.asarray(values.std(axis=0, ddof=1))
    return np.full(values.shape[1], np.nan)
