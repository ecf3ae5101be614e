"""Errors per class of cells, and those of forces and stress, as the report has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from surrogate_hpo.report.error_summary import BASELINES, QuantityError, further_columns
from surrogate_hpo.report.table import (
    Column,
    FigureTable,
    format_number,
    number_column,
    word_column,
)


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
    """

    rmse_mev_per_angstrom: float
    rms_force_mev_per_angstrom: float
    correlation: float | None
    spread_mev_per_angstrom: float | None
    within_spread: float | None

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
        if self.spread_mev_per_angstrom is None or self.within_spread is None:
            return f"{text}."
        return (
            f"{text}; the networks' spread is {format_number(self.spread_mev_per_angstrom, 3)} "
            f"meV/Å, and {100 * self.within_spread:.0f} % of the components are within theirs."
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
    """

    atoms: int
    temperature_kelvin: float
    snapshots: int
    error: QuantityError

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
        ``error_bar_mev_per_atom`` and ``within_error_bar``.
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
        )
    )
