"""Errors as the report has them: per snapshot, per class of cells, of forces and stress."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.report.error_summary import BASELINES, QuantityError, further_columns
from surrogate_hpo.report.table import (
    Column,
    FigureTable,
    format_number,
    number_column,
    word_column,
)

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


@dataclass(frozen=True)
class ForceErrors:
    """Errors of the forces of the held-out snapshots, mean over the networks.

    Attributes
    ----------
    rmse_mev_per_angstrom
        Root mean square error of a component, meV/Å.
    rms_force_mev_per_angstrom
        Root mean square of a component from DFT, meV/Å.
    correlation
        With DFT; None where forces do not vary.
    spread_mev_per_angstrom
        Root mean square of the standard deviation over the networks, meV/Å; None of one network.
    within_spread
        Share of the components whose error is below their spread; None of one network.
    error_bar_mev_per_angstrom
        Root mean square of the expected errors, meV/Å; None if they could not be calibrated.
    within_error_bar
        Share of the components whose error is below the expected one; None as above.
    """

    rmse_mev_per_angstrom: float
    rms_force_mev_per_angstrom: float
    correlation: float | None
    spread_mev_per_angstrom: float | None
    within_spread: float | None
    error_bar_mev_per_angstrom: float | None = None
    within_error_bar: float | None = None

    @property
    def text(self) -> str:
        """A sentence or two."""
        rmse, size = (
            format_number(value, 3)
            for value in (self.rmse_mev_per_angstrom, self.rms_force_mev_per_angstrom)
        )
        text = f"Forces: RMSE {rmse} meV/Å at an RMS force of {size} meV/Å"
        if self.correlation is not None:
            text += f", correlation {format_number(self.correlation, 4)}"
        if self.spread_mev_per_angstrom is not None and self.within_spread is not None:
            text += f"; the networks' spread is {format_number(self.spread_mev_per_angstrom, 3)} "
            text += f"meV/Å, and {_percent(self.within_spread)} of the components are within theirs"
        if self.error_bar_mev_per_angstrom is None or self.within_error_bar is None:
            return f"{text}; there is no calibrated error bar of forces."
        expected = format_number(self.error_bar_mev_per_angstrom, 3)
        within = _percent(self.within_error_bar)
        return f"{text}; the expected error is {expected} meV/Å, with {within} within theirs."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


_FORCES = (
    ("force_rmse_mev_per_angstrom", "rmse_mev_per_angstrom", "forces, RMSE", "meV/Å"),
    ("rms_force_mev_per_angstrom", "rms_force_mev_per_angstrom", "RMS force", "meV/Å"),
    ("force_correlation", "correlation", "correlation of the forces", ""),
)
_ERROR_BAR = (
    ("error_bar_mev_per_atom", "expected error", "meV/atom"),
    ("within_error_bar", "within it", "of the snapshots"),
)


@dataclass(frozen=True)
class ClassError:
    """How well held-out snapshots of one size and temperature are predicted.

    Attributes
    ----------
    atoms
        Number of atoms per cell.
    temperature_kelvin
        Temperature of the ions, K; NaN if it is not known.
    snapshots
        How many there are.
    error
        Their errors.
    forces
        Errors of their forces; None if no forces are known.
    """

    atoms: int
    temperature_kelvin: float
    snapshots: int
    error: QuantityError
    forces: ForceErrors | None = None

    @property
    def label(self) -> str:
        """Size and temperature in words."""
        if not isfinite(self.temperature_kelvin):
            return f"{self.atoms} atoms"
        return f"{self.atoms} atoms, ions at {self.temperature_kelvin:.4g} K"


def class_errors_table(classes: Sequence[ClassError]) -> FigureTable:
    """Collect the errors, one row per class, in meV/atom.

    Parameters
    ----------
    classes
        All of the same quantity.

    Returns
    -------
    FigureTable
        Columns ``atoms``, ``temperature_kelvin``, ``snapshots``, ``skill``, ``correlation``,
        ``ensemble_mae_mev_per_atom``, ``mae_mev_per_atom``, ``std_over_seeds_mev_per_atom``,
        ``baseline_mev_per_atom``, ``baseline_of``, ``discretisation_error_mev_per_atom`` and
        ``control_mae_mev_per_atom``; and where they are
        known ``control_energies_only_mae_mev_per_atom``, ``kpoint_noise_mev_per_atom``,
        ``error_bar_mev_per_atom`` and ``within_error_bar``, and of the forces, in meV/Å,
        ``force_rmse_mev_per_angstrom``, ``rms_force_mev_per_angstrom`` and ``force_correlation``.
    """
    errors = [entry.error for entry in classes]

    def column(name: str, label: str, unit: str = "meV/atom") -> Column:
        return number_column(name, label, unit, [float(getattr(e, name)) for e in errors], digits=3)

    return FigureTable(
        (
            number_column("atoms", "atoms", "", [entry.atoms for entry in classes]),
            number_column(
                "temperature_kelvin", "ions", "K", [entry.temperature_kelvin for entry in classes]
            ),
            number_column("snapshots", "snapshots", "", [entry.snapshots for entry in classes]),
            column("skill", "of the baseline", ""),
            column("correlation", "correlation", ""),
            column("ensemble_mae_mev_per_atom", "MAE, mean of the networks"),
            column("mae_mev_per_atom", "MAE per network"),
            column("std_over_seeds_mev_per_atom", "std over seeds"),
            column("baseline_mev_per_atom", "baseline"),
            word_column(
                "baseline_of", "baseline is", [BASELINES.get(e.baseline_of, "") for e in errors]
            ),
            column("discretisation_error_mev_per_atom", "floor"),
            column("control_mae_mev_per_atom", "control"),
            *(column(name, label) for name, label in further_columns(errors)),
            *(
                column(name, label, unit)
                for name, label, unit in _ERROR_BAR
                if any(isfinite(getattr(error, name)) for error in errors)
            ),
            *_force_columns([entry.forces for entry in classes]),
        )
    )


def _force_columns(forces: Sequence[ForceErrors | None]) -> list[Column]:
    """None where no forces are known at all."""
    if not any(forces):
        return []
    columns = []
    for column, name, label, unit in _FORCES:
        found = [None if one is None else getattr(one, name) for one in forces]
        values = [nan if value is None else float(value) for value in found]
        columns.append(number_column(column, label, unit, values, digits=3))
    return columns
