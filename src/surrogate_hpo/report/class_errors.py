"""Errors of the headline quantity for each size and temperature of the held-out snapshots."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from surrogate_hpo.report.error_summary import BASELINES, QuantityError, further_columns
from surrogate_hpo.report.table import Column, FigureTable, number_column, word_column

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
