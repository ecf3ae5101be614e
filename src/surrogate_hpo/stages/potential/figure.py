"""Energies and forces of a potential against DFT."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from surrogate_hpo.report.palette import BLUE, GREEN, INK, ORANGE
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column
from surrogate_hpo.stages.evaluate.figure_forces import draw_force_parity, force_parity_table

FloatArray = NDArray[np.float64]
_UNIT = "meV/atom"
_LOOKS = {"test": ("o", BLUE, "held out"), "transfer": ("s", GREEN, "beyond the run")}


def energy_table(
    snapshot: Sequence[str],
    kind: Sequence[str],
    *,
    baseline_error: FloatArray,
    error: FloatArray,
    spread: FloatArray,
) -> FigureTable:
    """Energies relative to the baseline of their class.

    Parameters
    ----------
    snapshot
        Names of the structures.
    kind
        `test` or `transfer` of each.
    baseline_error
        Baseline minus DFT, meV/atom, [structure].
    error
        Potential minus DFT, meV/atom, [structure].
    spread
        Standard deviation over the members, meV/atom, [structure]; NaN without.

    Returns
    -------
    FigureTable
        Columns ``snapshot``, ``set``, ``dft_mev_per_atom``, ``potential_mev_per_atom``,
        ``spread_mev_per_atom``.
    """
    return FigureTable(
        (
            word_column("snapshot", "snapshot", snapshot),
            word_column("set", "set", kind),
            number_column("dft_mev_per_atom", "DFT − baseline", _UNIT, -baseline_error),
            number_column(
                "potential_mev_per_atom", "potential − baseline", _UNIT, error - baseline_error
            ),
            number_column("spread_mev_per_atom", "std of members", _UNIT, spread),
        )
    )


@styled
def draw_energies(table: FigureTable) -> Figure:
    """Draw structures around the line of equality, and the baseline."""
    require_rows(table, "potential_energy")
    dft, found, spread = (
        table.numbers(f"{name}_mev_per_atom") for name in ("dft", "potential", "spread")
    )
    figure = new_figure(5.0)
    axes = figure.add_subplot()
    everything = np.concatenate([dft, found, [0.0]])
    margin = 0.06 * max(float(np.ptp(everything)), 1e-6)
    limits = (everything.min() - margin, everything.max() + margin)
    axes.plot(limits, limits, color=INK, lw=1, zorder=1)
    axes.plot(limits, (0, 0), "--", color=ORANGE, lw=1.2, zorder=1, label="baseline")
    kinds = np.array(table.words("set"))
    for kind, (marker, colour, label) in _LOOKS.items():
        if not np.any(of := kinds == kind):
            continue
        bars = np.nan_to_num(spread[of])
        axes.errorbar(
            *(dft[of], found[of]),
            yerr=bars,
            fmt=marker,
            color=colour,
            ms=5,
            elinewidth=1.2,
            label=label + (" ± std" if bars.any() else ""),
        )
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set_xlabel("total free energy, DFT − baseline (meV/atom)")
    axes.set_ylabel("potential − baseline (meV/atom)")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def energies(table: FigureTable) -> DrawnFigure:
    """Draw the energies, with what they and the baseline are off by in the title.

    Parameters
    ----------
    table
        Of `energy_table`.

    Returns
    -------
    DrawnFigure
        ``potential_energy``.
    """
    dft, found = (table.numbers(f"{name}_mev_per_atom") for name in ("dft", "potential"))
    error, baseline = (float(np.abs(values).mean()) for values in (found - dft, dft))
    title = (
        f"Energy of {len(table)} held-out structures from the potential: MAE {error:.2g} meV/atom, "
        f"baseline {baseline:.2g}."
    )
    return drawn("potential_energy", title, partial(draw_energies, table), table)


def forces(
    element: Sequence[str], dft: FloatArray, predicted: FloatArray, spread: FloatArray
) -> list[DrawnFigure]:
    """Draw the forces, where they are known.

    Parameters
    ----------
    element
        Of the atom of each component.
    dft
        Components of DFT, eV/Å.
    predicted
        Of the potential, eV/Å.
    spread
        Standard deviation over the members, eV/Å; NaN without.

    Returns
    -------
    list of DrawnFigure
        ``potential_force``; none without components.
    """
    if not len(element):
        return []
    table = force_parity_table(
        element=element,
        dft=dft,
        mean=predicted,
        spread=spread,
        labels=("potential", "std of members"),
    )
    rmse, size = (1000 * float(np.sqrt(np.mean(v**2))) for v in (predicted - dft, dft))
    title = (
        f"Components of the forces from the potential: RMSE {rmse:.2g} meV/Å, "
        f"their own size {size:.3g}."
    )
    return [drawn("potential_force", title, partial(draw_force_parity, table), table)]
