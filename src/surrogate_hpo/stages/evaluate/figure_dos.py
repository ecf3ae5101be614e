"""Density of states of one held-out snapshot: reference, prediction, and their difference."""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import BLUE, INK, VERMILION
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column


def dos_overlay_table(
    *,
    energy_ev: ArrayLike,
    reference_per_ev: ArrayLike,
    predicted_per_ev: ArrayLike,
) -> FigureTable:
    """Average the predictions over the seeds and subtract the reference.

    Parameters
    ----------
    energy_ev
        Energy axis, eV, shape (energies,).
    reference_per_ev
        DOS of the reference LDOS, 1/eV, shape (energies,).
    predicted_per_ev
        Predicted DOS, 1/eV, shape (seeds, energies).

    Returns
    -------
    FigureTable
        Columns ``energy_ev``, ``reference_per_ev``, ``predicted_per_ev`` (mean over seeds),
        ``std_over_seeds_per_ev`` (0 for one seed), ``difference_per_ev``.

    Raises
    ------
    DataError
        If the shapes do not fit each other.
    """
    energy, reference = np.asarray(energy_ev, float), np.asarray(reference_per_ev, float)
    predicted = np.asarray(predicted_per_ev, float)
    if predicted.ndim != 2 or predicted.shape[1:] != energy.shape or len(predicted) == 0:
        raise DataError(
            "the predicted DOS does not fit its energy axis",
            where="figure dos_overlay",
            expected=f"shape (seeds, {energy.size})",
            got=f"shape {predicted.shape}",
        )
    mean = predicted.mean(axis=0)
    std = predicted.std(axis=0, ddof=1) if len(predicted) > 1 else np.zeros_like(mean)
    return FigureTable(
        (
            number_column("energy_ev", "energy", "eV", energy),
            number_column("reference_per_ev", "DFT reference", "1/eV", reference),
            number_column("predicted_per_ev", "predicted, mean", "1/eV", mean),
            number_column("std_over_seeds_per_ev", "std over seeds", "1/eV", std),
            number_column("difference_per_ev", "difference", "1/eV", mean - reference),
        )
    )


@styled
def draw_dos_overlay(
    table: FigureTable, *, fermi_energy_reference_ev: float, fermi_energy_predicted_ev: float
) -> Figure:
    """Draw both DOS with their Fermi energies above, the difference below.

    Parameters
    ----------
    table
        As made by `dos_overlay_table`.
    fermi_energy_reference_ev
        Fermi energy of DFT, eV; NaN if it is not known.
    fermi_energy_predicted_ev
        Fermi energy of the prediction, mean over seeds, eV.

    Returns
    -------
    matplotlib.figure.Figure
        The drawing.
    """
    energy, reference, predicted, std, difference = (
        table.numbers(column.name) for column in table.columns
    )
    figure = new_figure(5.0)
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1.6]})
    above.plot(energy, reference, color=INK, lw=2.4, label="DFT reference")
    above.plot(energy, predicted, color=BLUE, lw=1.5, ls=(0, (4, 1.5)), label="predicted, mean")
    band = {"color": BLUE, "alpha": 0.25, "lw": 0}
    above.fill_between(energy, predicted - std, predicted + std, label="± std over seeds", **band)
    below.axhline(0, color=INK, lw=1)
    below.plot(energy, difference, color=BLUE, lw=1.5)
    below.fill_between(energy, difference - std, difference + std, **band)
    for axes in (above, below):
        _draw_fermi_energy(axes, "DFT", fermi_energy_reference_ev, INK, "-")
        _draw_fermi_energy(axes, "predicted", fermi_energy_predicted_ev, VERMILION, "--")
    above.set(ylabel="DOS (1/eV)", xlim=(energy[0], energy[-1]))
    below.set(ylabel="predicted − DFT\n(1/eV)", xlabel="energy (eV)")
    figure.align_ylabels()
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_fermi_energy(axes: Axes, source: str, value: float, color: str, line: str) -> None:
    if np.isfinite(value):
        label = f"Fermi energy, {source}: {value:.3f} eV"
        axes.axvline(value, color=color, lw=1.3, ls=line, label=label)


def dos_overlay(
    *,
    snapshot: str,
    energy_ev: ArrayLike,
    reference_per_ev: ArrayLike,
    predicted_per_ev: ArrayLike,
    fermi_energy_reference_ev: float,
    fermi_energy_predicted_ev: ArrayLike,
) -> DrawnFigure:
    """Draw the DOS of one snapshot; see `dos_overlay_table`.

    Parameters
    ----------
    snapshot
        Name of the snapshot.
    energy_ev
        Energy axis, eV, shape (energies,).
    reference_per_ev
        DOS of the reference LDOS, 1/eV, shape (energies,).
    predicted_per_ev
        Predicted DOS, 1/eV, shape (seeds, energies).
    fermi_energy_reference_ev
        Fermi energy of DFT, eV; NaN if it is not known.
    fermi_energy_predicted_ev
        Fermi energies of the predictions, eV, shape (seeds,).

    Returns
    -------
    DrawnFigure
        The picture and its table.
    """
    table = dos_overlay_table(
        energy_ev=energy_ev,
        reference_per_ev=reference_per_ev,
        predicted_per_ev=predicted_per_ev,
    )
    draw = partial(
        draw_dos_overlay,
        table,
        fermi_energy_reference_ev=fermi_energy_reference_ev,
        fermi_energy_predicted_ev=float(np.mean(np.asarray(fermi_energy_predicted_ev, float))),
    )
    title = f"Density of states of held-out snapshot {snapshot}: DFT against prediction."
    return drawn("dos_overlay", title, draw, table)
