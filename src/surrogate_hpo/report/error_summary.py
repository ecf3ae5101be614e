"""Mean absolute error per quantity against the floor, the baseline and the control."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import BLUE, GREEN, GREY, INK, ORANGE, PURPLE
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, set_decades, styled
from surrogate_hpo.report.table import (
    FigureTable,
    format_with_spread,
    number_column,
    require_rows,
    word_column,
)


@dataclass(frozen=True)
class QuantityError:
    """How well one energy is predicted on the held-out snapshots, all in meV/atom.

    Without a reference to compare with, the numbers are NaN.

    Attributes
    ----------
    quantity
        Name of the energy, such as ``total_free_energy``.
    mae_mev_per_atom
        Mean absolute error against DFT over the snapshots, averaged over the seeds.
    std_over_seeds_mev_per_atom
        Standard deviation of the mean absolute error over the seeds.
    discretisation_error_mev_per_atom
        The same error for the reference LDOS: the floor, which no surrogate can beat.
    baseline_mev_per_atom
        The same error for predicting a constant: see `baseline_of`.
    ensemble_mae_mev_per_atom
        The same error of the mean prediction of all seeds.
    correlation
        Of the mean prediction with DFT, dimensionless.
    baseline_of
        What the constant is: a key of `BASELINES`.
    control_mae_mev_per_atom
        The same error of a linear potential fitted to the energies, and to the forces where they
        are known; NaN where there is none.
    control_energies_only_mae_mev_per_atom
        The same without the forces; NaN where the control has none.
    kpoint_noise_mev_per_atom
        How far the reference itself is from a denser mesh of k points; NaN if nobody has measured.
    error_bar_mev_per_atom
        Expected error of the mean prediction; NaN if there is no error bar.
    within_error_bar
        Share of the snapshots whose error is below theirs; NaN without one.
    """

    quantity: str
    mae_mev_per_atom: float
    std_over_seeds_mev_per_atom: float
    discretisation_error_mev_per_atom: float
    baseline_mev_per_atom: float
    ensemble_mae_mev_per_atom: float = math.nan
    correlation: float = math.nan
    baseline_of: str = "training_mean"
    control_mae_mev_per_atom: float = math.nan
    control_energies_only_mae_mev_per_atom: float = math.nan
    kpoint_noise_mev_per_atom: float = math.nan
    error_bar_mev_per_atom: float = math.nan
    within_error_bar: float = math.nan

    @property
    def skill(self) -> float:
        """Error of the mean prediction over that of the baseline; NaN if either is not known."""
        baseline = self.baseline_mev_per_atom
        return self.ensemble_mae_mev_per_atom / baseline if baseline > 0 else math.nan

    @property
    def known(self) -> bool:
        """Whether there was a reference to compare with."""
        numbers = (
            self.mae_mev_per_atom,
            self.discretisation_error_mev_per_atom,
            self.baseline_mev_per_atom,
        )
        return any(math.isfinite(number) for number in numbers)

    @property
    def control_has_forces(self) -> bool:
        """Whether the control was fitted to forces, too."""
        return math.isfinite(self.control_energies_only_mae_mev_per_atom)

    @property
    def label(self) -> str:
        """The quantity for people: spaces for underscores, and the name of a person."""
        return self.quantity.replace("_", " ").replace("hartree", "Hartree")

    @property
    def text(self) -> str:
        """MAE ± spread over seeds, without the unit."""
        if not self.known:
            return "not known"
        return format_with_spread(self.mae_mev_per_atom, self.std_over_seeds_mev_per_atom)


BASELINES = {
    "training_mean": "training mean",
    "class_mean": "snapshots' own mean",
    "mixed": "training mean, or the snapshots' own",
}
"""What the constant is that the baseline predicts, for people."""

_LABEL_CHARACTERS = 20
_BARS = (
    ("discretisation_error_mev_per_atom", "floor (reference LDOS)", ORANGE),
    ("mae_mev_per_atom", "surrogate", BLUE),
    ("baseline_mev_per_atom", "baseline (a constant)", GREY),
)
# Only where there are such numbers.
_FURTHER_BARS = (
    ("control_mae_mev_per_atom", "control (linear potential)", GREEN),
    ("kpoint_noise_mev_per_atom", "k noise of the labels", PURPLE),
)
_FURTHER_COLUMNS = (
    ("control_energies_only_mae_mev_per_atom", "control, energies only"),
    ("kpoint_noise_mev_per_atom", "k noise"),
)


def error_summary_table(errors: Sequence[QuantityError]) -> FigureTable:
    """Collect the errors, one row per quantity."""
    names = (
        ("mae_mev_per_atom", "MAE"),
        ("std_over_seeds_mev_per_atom", "std over seeds"),
        ("discretisation_error_mev_per_atom", "floor"),
        ("baseline_mev_per_atom", "baseline"),
        ("ensemble_mae_mev_per_atom", "MAE, mean of the networks"),
        ("control_mae_mev_per_atom", "control"),
        *further_columns(errors),
    )
    numbers = (
        number_column(name, label, "meV/atom", [float(getattr(error, name)) for error in errors])
        for name, label in names
    )
    ratios = (
        number_column("skill", "of the baseline", "", [error.skill for error in errors]),
        number_column("correlation", "correlation", "", [error.correlation for error in errors]),
    )
    words = word_column("quantity", "quantity", [error.label for error in errors])
    return FigureTable((words, *numbers, *ratios))


def further_columns(errors: Sequence[QuantityError]) -> list[tuple[str, str]]:
    """Attribute and label of those numbers that only some runs have, where this one has them.

    Parameters
    ----------
    errors
        All rows of a table.

    Returns
    -------
    list of tuple
        Attributes of `QuantityError` and labels.
    """
    return [
        (name, label)
        for name, label in _FURTHER_COLUMNS
        if any(math.isfinite(getattr(error, name)) for error in errors)
    ]


@styled
def draw_error_summary(table: FigureTable) -> Figure:
    """Draw bars per quantity on a logarithmic axis, each with its number."""
    require_rows(table, "error_summary")
    rows = np.arange(len(table), dtype=float)
    figure = new_figure(1.3 + 0.85 * len(table))
    axes = figure.add_subplot()
    further = [bar for bar in _FURTHER_BARS if table.has_numbers(bar[0])]
    bars = (*_BARS, *further)
    values = np.concatenate([table.numbers(name) for name, _, _ in bars])
    drawable = values[np.isfinite(values) & (values > 0)]
    smallest, largest = (drawable.min(), drawable.max()) if drawable.size else (0.1, 1.0)
    left = 10.0 ** np.floor(np.log10(smallest / 1.5))
    # Room for the number behind the longest bar, which is text and thus not in data units.
    axes.set(xscale="log", xlim=(left, largest * (largest / left) ** 0.35))
    std = table.numbers("std_over_seeds_mev_per_atom")
    height = 0.78 / len(bars)
    for number, (name, label, colour) in enumerate(bars):
        mean, offset = table.numbers(name), height * (number - (len(bars) - 1) / 2)
        axes.barh(
            rows + offset,
            np.fmax(mean - left, 0),
            0.92 * height,
            left=left,
            color=colour,
            label=label,
        )
        for index, value in enumerate(mean.tolist()):
            if (name, label, colour) in further and np.isnan(value):
                continue
            spread = std[index] if name == "mae_mev_per_atom" else 0.0
            if spread > 0:
                axes.errorbar(value, index + offset, xerr=spread, color=INK, capsize=2.5, lw=1.2)
            end = value + spread if np.isfinite(value + spread) else left
            axes.annotate(
                format_with_spread(value, spread),
                (max(end, left), index + offset),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                size=8.5,
            )
    set_decades(axes.xaxis)
    axes.set_yticks(rows, [fill(word, _LABEL_CHARACTERS) for word in table.words("quantity")])
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel="mean absolute error (meV/atom)")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def error_summary(errors: Sequence[QuantityError]) -> DrawnFigure:
    """Draw the errors per quantity."""
    table = error_summary_table(errors)
    title = "Mean absolute error per quantity: floor, surrogate with spread over seeds, baseline."
    return drawn("error_summary", title, partial(draw_error_summary, table), table)
