"""Predicted against DFT energies of the held-out snapshots."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.accuracy import class_means
from surrogate_hpo.report.error_summary import BASELINES, QuantityError
from surrogate_hpo.report.palette import BLUE, GREY, INK, ORANGE
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, word_column

_MEV_PER_EV = 1000.0
# Baselines that differ by less than this share of the axis are drawn as one line.
_EQUAL = 1e-6


def parity_table(
    *,
    snapshot: Sequence[str],
    dft_ev_per_atom: ArrayLike,
    surrogate_ev_per_atom: ArrayLike,
    floor_ev_per_atom: ArrayLike,
    baseline_ev_per_atom: ArrayLike,
    error: QuantityError,
    kind: Sequence[Hashable] | None = None,
) -> FigureTable:
    """Express all energies in meV/atom relative to the mean of the DFT energies of their class.

    Parameters
    ----------
    snapshot
        Names of the held-out snapshots.
    dft_ev_per_atom
        Energies of DFT, eV/atom, shape (snapshots,).
    surrogate_ev_per_atom
        Energies of the surrogate, eV/atom, shape (seeds, snapshots).
    floor_ev_per_atom
        Energies from the reference LDOS, eV/atom, shape (snapshots,).
    baseline_ev_per_atom
        What the baseline predicts, eV/atom, shape (snapshots,).
    error
        The errors as reported elsewhere; they must agree with these energies.
    kind
        Class of each snapshot; all are of one if left out.

    Returns
    -------
    FigureTable
        Columns ``snapshot``, ``dft_mev_per_atom``, ``surrogate_mev_per_atom`` (mean over
        seeds), ``std_over_seeds_mev_per_atom``, ``floor_mev_per_atom``,
        ``baseline_mev_per_atom``, relative to the mean of DFT over the class.

    Raises
    ------
    DataError
        If shapes do not fit, or if the mean absolute errors of these energies are not those
        of ``error``.
    """
    dft, floor = np.asarray(dft_ev_per_atom, float), np.asarray(floor_ev_per_atom, float)
    surrogate = np.asarray(surrogate_ev_per_atom, float)
    if surrogate.ndim != 2 or surrogate.shape[1:] != dft.shape or surrogate.size == 0:
        raise DataError(
            "the predicted energies do not fit the DFT energies",
            where=f"figure parity, {error.quantity}",
            expected=f"shape (seeds, {dft.size})",
            got=f"shape {surrogate.shape}",
        )
    baseline = np.asarray(baseline_ev_per_atom, float)
    _check_errors(dft, surrogate, floor, baseline, error)
    centre = class_means(dft, kind if kind is not None else [None] * len(dft))
    relative = [_MEV_PER_EV * (energies - centre) for energies in (dft, surrogate, floor, baseline)]
    std = relative[1].std(axis=0, ddof=1) if len(surrogate) > 1 else np.zeros_like(dft)
    unit = "meV/atom"
    return FigureTable(
        (
            word_column("snapshot", "snapshot", snapshot),
            number_column("dft_mev_per_atom", "DFT", unit, relative[0]),
            number_column("surrogate_mev_per_atom", "surrogate", unit, relative[1].mean(axis=0)),
            number_column("std_over_seeds_mev_per_atom", "std over seeds", unit, std),
            number_column("floor_mev_per_atom", "floor", unit, relative[2]),
            number_column("baseline_mev_per_atom", "baseline", unit, relative[3]),
        )
    )


def _check_errors(
    dft: NDArray[np.float64],
    surrogate: NDArray[np.float64],
    floor: NDArray[np.float64],
    baseline: NDArray[np.float64],
    error: QuantityError,
) -> None:
    """Refuse a picture whose points contradict the number in its title."""
    claims: dict[str, tuple[NDArray[np.float64] | float, float]] = {
        "MAE": (surrogate, error.mae_mev_per_atom),
        "floor": (floor, error.discretisation_error_mev_per_atom),
        "baseline": (baseline, error.baseline_mev_per_atom),
    }
    for name, (energies, claimed) in claims.items():
        # Of cells beyond the run there is no LDOS, and no floor.
        errors = np.abs(energies - dft)[..., np.isfinite(floor) | (name != "floor")]
        found = float(_MEV_PER_EV * errors.mean()) if errors.size else float("nan")
        if not np.isclose(found, claimed, rtol=1e-4, atol=1e-4, equal_nan=True):
            raise DataError(
                f"the {name} in the summary is not that of the energies",
                where=f"figure parity, {error.quantity}",
                expected=f"{claimed:.6g} meV/atom, as in the summary",
                got=f"{found:.6g} meV/atom from the energies",
                remedy="run the evaluate stage again: its tables are of different runs",
            )


@styled
def draw_parity(table: FigureTable, *, error: QuantityError) -> Figure:
    """Draw surrogate, floor and baseline against DFT around the line of equality."""
    figure = new_figure(5.5)
    axes = figure.add_subplot()
    dft = table.numbers("dft_mev_per_atom")
    surrogate, floor = table.numbers("surrogate_mev_per_atom"), table.numbers("floor_mev_per_atom")
    everything = np.concatenate([dft, surrogate, floor])
    everything = everything[np.isfinite(everything)]
    margin = 0.06 * max(float(np.ptp(everything)), 1e-6)
    limits = (everything.min() - margin, everything.max() + margin)
    axes.plot(limits, limits, color=INK, lw=1, zorder=1)
    baseline = table.numbers("baseline_mev_per_atom")
    label = f"baseline ({BASELINES[error.baseline_of]})"
    if np.ptp(baseline) <= _EQUAL * float(np.ptp(everything)):
        axes.axhline(baseline[0], color=GREY, lw=1.6, ls=(0, (5, 3)), label=label)
    else:
        axes.plot(dft, baseline, "_", color=GREY, mew=1.6, ms=8, label=label)
    axes.errorbar(
        dft,
        surrogate,
        yerr=table.numbers("std_over_seeds_mev_per_atom"),
        fmt="o",
        color=BLUE,
        ms=6,
        elinewidth=1.2,
        label="surrogate ± std over seeds",
    )
    axes.plot(
        dft, floor, "D", mfc="none", mec=ORANGE, mew=1.6, ms=7, label="floor (reference LDOS)"
    )
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    name = error.label
    axes.set_xlabel(f"{name}, DFT − mean (meV/atom)")
    axes.set_ylabel(f"{name}, predicted − mean of DFT (meV/atom)")
    axes.set_title(f"{name}: MAE {error.text} meV/atom")
    # The words for baselines of two kinds take the width of the page.
    figure.legend(loc="outside lower center", ncols=1 if error.baseline_of == "mixed" else 2)
    return figure


def parity(
    *,
    snapshot: Sequence[str],
    dft_ev_per_atom: ArrayLike,
    surrogate_ev_per_atom: ArrayLike,
    floor_ev_per_atom: ArrayLike,
    baseline_ev_per_atom: ArrayLike,
    error: QuantityError,
    kind: Sequence[Hashable] | None = None,
) -> DrawnFigure:
    """Draw one quantity's parity plot, named ``parity_<quantity>``; see `parity_table`."""
    table = parity_table(
        snapshot=snapshot,
        dft_ev_per_atom=dft_ev_per_atom,
        surrogate_ev_per_atom=surrogate_ev_per_atom,
        floor_ev_per_atom=floor_ev_per_atom,
        baseline_ev_per_atom=baseline_ev_per_atom,
        error=error,
        kind=kind,
    )
    title = f"Predicted against DFT {error.label} of {len(table)} held-out snapshots."
    return drawn(f"parity_{error.quantity}", title, partial(draw_parity, table, error=error), table)
