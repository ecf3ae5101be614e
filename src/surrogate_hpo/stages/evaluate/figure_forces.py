"""Predicted against DFT forces of the held-out snapshots, and their error by size."""

from collections.abc import Sequence
from functools import partial
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.palette import BLUE, INK, MARKERS, ORANGE, SERIES
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

# A page with more points than these is slow, and shows no more.
MOST_POINTS = 1000
# Bins hold the same number of atoms; fewer atoms than these have no mean to speak of.
MOST_BINS, FEWEST_ATOMS = 8, 6
_MEV_PER_EV = 1000.0


def force_parity_table(
    *,
    element: Sequence[str],
    dft: ArrayLike,
    mean: ArrayLike,
    spread: ArrayLike,
    labels: tuple[str, str] = ("mean of the networks", "std over seeds"),
) -> FigureTable:
    """Take components of forces, so many that a picture can show them.

    Parameters
    ----------
    element
        Of the atom of each component.
    dft
        Components of DFT, eV/Å, shape (components,).
    mean
        Mean over the networks, eV/Å, shape (components,).
    spread
        Standard deviation over the networks, eV/Å, shape (components,); NaN of one network.
    labels
        What mean and spread are of.

    Returns
    -------
    FigureTable
        Columns ``element``, ``dft_ev_per_angstrom``, ``mean_ev_per_angstrom``,
        ``spread_ev_per_angstrom``: all components up to `MOST_POINTS`, else evenly spaced ones.

    Raises
    ------
    DataError
        If the shapes do not fit.
    """
    values = [np.asarray(array, float) for array in (dft, mean, spread)]
    _check_shapes(len(element), values)
    step = -(-len(element) // MOST_POINTS)
    dft_shown, mean_shown, spread_shown = (array[::step] for array in values)
    unit = "eV/Å"
    return FigureTable(
        (
            word_column("element", "element", element[::step]),
            number_column("dft_ev_per_angstrom", "DFT", unit, dft_shown),
            number_column("mean_ev_per_angstrom", labels[0], unit, mean_shown),
            number_column("spread_ev_per_angstrom", labels[1], unit, spread_shown),
        )
    )


def force_error_table(*, dft: ArrayLike, mean: ArrayLike, spread: ArrayLike) -> FigureTable:
    """Sort atoms by the size of their force into bins of equal numbers.

    Parameters
    ----------
    dft
        Forces of DFT, eV/Å, shape (atoms, 3).
    mean
        Mean over the networks, eV/Å, shape (atoms, 3).
    spread
        Standard deviation over the networks, eV/Å, shape (atoms, 3); NaN of one network.

    Returns
    -------
    FigureTable
        Columns ``atoms`` and, in meV/Å, ``smallest``, ``largest`` and ``mean`` force, ``rmse``
        and ``spread`` of a component, each with ``_mev_per_angstrom`` behind it.

    Raises
    ------
    DataError
        If the shapes do not fit.
    """
    values = [_MEV_PER_EV * np.asarray(array, float) for array in (dft, mean, spread)]
    _check_shapes(len(values[0]), values)
    reference, predicted, deviation = values
    size = np.linalg.norm(reference, axis=1)
    order = np.argsort(size, kind="stable")
    bins = np.array_split(order, max(1, min(MOST_BINS, len(order) // FEWEST_ATOMS)))
    error = predicted - reference
    columns = (
        ("smallest", "force from", [size[of].min() for of in bins]),
        ("largest", "force to", [size[of].max() for of in bins]),
        ("mean", "mean force", [size[of].mean() for of in bins]),
        ("rmse", "RMSE", [_rms(error[of]) for of in bins]),
        ("spread", "std over seeds", [_rms(deviation[of]) for of in bins]),
    )
    return FigureTable(
        (
            number_column("atoms", "atoms", "", [len(of) for of in bins]),
            *(
                number_column(f"{name}_mev_per_angstrom", label, "meV/Å", found)
                for name, label, found in columns
            ),
        )
    )


def _check_shapes(length: int, arrays: Sequence[NDArray[np.float64]]) -> None:
    shapes = {array.shape for array in arrays}
    if len(shapes) != 1 or not length or arrays[0].shape[0] != length:
        raise DataError(
            "forces of DFT and of the networks are not of the same atoms",
            where="figures of the forces",
            expected="as many predicted as reference forces, at least one",
            got=f"{length} and shapes {', '.join(map(str, sorted(shapes)))}",
        )


@styled
def draw_force_parity(table: FigureTable) -> Figure:
    """Draw components around the line of equality, a colour and a marker per element."""
    require_rows(table, "force_parity")
    figure = new_figure(5.2)
    axes = figure.add_subplot()
    dft, mean = table.numbers("dft_ev_per_angstrom"), table.numbers("mean_ev_per_angstrom")
    largest = 1.06 * max(float(np.abs([dft, mean]).max()), 1e-6)
    axes.plot((-largest, largest), (-largest, largest), color=INK, lw=1, zorder=1)
    element = np.array(table.words("element"))
    kinds = list(dict.fromkeys(element.tolist()))
    for kind, colour, marker in zip(kinds, cycle(SERIES), cycle(MARKERS), strict=False):
        of = element == kind
        axes.plot(dft[of], mean[of], marker, color=colour, ms=4, alpha=0.6, mew=0, label=kind)
    axes.set(xlim=(-largest, largest), ylim=(-largest, largest), aspect="equal")
    source = table.column("mean_ev_per_angstrom").label
    axes.set(xlabel="force, DFT (eV/Å)", ylabel=f"force, {source} (eV/Å)")
    figure.legend(loc="outside lower center", ncols=max(1, min(len(kinds), 6)))
    return figure


@styled
def draw_force_error(table: FigureTable) -> Figure:
    """Draw error and spread of a component against the size of the force, bin by bin."""
    require_rows(table, "force_error")
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    size, smallest, largest = (
        table.numbers(f"{name}_mev_per_angstrom") / _MEV_PER_EV
        for name in ("mean", "smallest", "largest")
    )
    rmse = table.numbers("rmse_mev_per_angstrom")
    axes.errorbar(
        size,
        rmse,
        xerr=(size - smallest, largest - size),
        fmt="o-",
        color=BLUE,
        elinewidth=1,
        label="RMSE of the mean of the networks",
    )
    if table.has_numbers("spread_mev_per_angstrom"):
        spread = table.numbers("spread_mev_per_angstrom")
        axes.plot(size, spread, "s--", color=ORANGE, label="std over seeds")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="size of the force on an atom, DFT (eV/Å)", ylabel="per component (meV/Å)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def force_figures(
    *, element: Sequence[str], dft: ArrayLike, mean: ArrayLike, spread: ArrayLike
) -> list[DrawnFigure]:
    """Draw both figures; arguments as of `force_parity_table`, three components per atom.

    Parameters
    ----------
    element
        Of the atom of each component.
    dft
        Components of DFT, eV/Å.
    mean
        Mean over the networks, eV/Å.
    spread
        Standard deviation over the networks, eV/Å.

    Returns
    -------
    list of DrawnFigure
        ``force_parity`` and ``force_error``; none without components.
    """
    if not len(element):
        return []
    parity = force_parity_table(element=element, dft=dft, mean=mean, spread=spread)
    by_atom = {
        name: np.asarray(values, float).reshape(-1, 3)
        for name, values in (("dft", dft), ("mean", mean), ("spread", spread))
    }
    error = force_error_table(**by_atom)
    shown = f"{len(parity)} of {len(element)}" if len(parity) < len(element) else str(len(element))
    return [
        drawn(
            "force_parity",
            f"Predicted against DFT forces of the held-out snapshots, {shown} components.",
            partial(draw_force_parity, parity),
            parity,
        ),
        drawn(
            "force_error",
            "Error of the forces against their size.",
            partial(draw_force_error, error),
            error,
        ),
    ]


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
