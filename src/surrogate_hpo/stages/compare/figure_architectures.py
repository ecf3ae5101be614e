"""The networks that search methods find, drawn to scale."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from surrogate_hpo.report.palette import INK, SERIES
from surrogate_hpo.report.style import DrawnFigure, drawn, new_figure, styled
from surrogate_hpo.report.table import FigureTable, number_column, require_rows, word_column

_HEIGHT = 0.84


def compare_architectures_table(
    *,
    method: Sequence[str],
    hidden_widths: Sequence[Sequence[int]],
    activation: Sequence[str],
    parameters: Sequence[int],
) -> FigureTable:
    """Collect the hidden layers, one row per method and layer.

    Parameters
    ----------
    method
        Name per method, for people.
    hidden_widths
        Units of each hidden layer, per method.
    activation
        Activation per method.
    parameters
        Number of weights and biases per method.

    Returns
    -------
    FigureTable
        Columns ``method``, ``layer``, ``units``, ``activation``, ``parameters``.
    """
    layers = [
        (method[row], layer, units, activation[row], parameters[row])
        for row, widths in enumerate(hidden_widths)
        for layer, units in enumerate(widths, start=1)
    ]
    names, numbers, units, activations, counts = zip(*layers, strict=True) if layers else [()] * 5
    return FigureTable(
        (
            word_column("method", "method", names),
            number_column("layer", "hidden layer", "", numbers),
            number_column("units", "units", "", units),
            word_column("activation", "activation", activations),
            number_column("parameters", "parameters", "", counts),
        )
    )


@styled
def draw_compare_architectures(table: FigureTable) -> Figure:
    """Draw a bar per hidden layer, as high as it has units, a row per method."""
    require_rows(table, "compare_architectures")
    methods = list(dict.fromkeys(table.words("method")))
    activations = sorted(set(table.words("activation")))
    colours = dict(zip(activations, SERIES, strict=False))
    units, layer = table.numbers("units"), table.numbers("layer")
    figure = new_figure(1.1 + 0.46 * len(methods))
    axes = figure.add_subplot()
    deepest = float(layer.max())
    for row, (name, activation, count) in enumerate(
        zip(
            table.words("method"),
            table.words("activation"),
            table.values("parameters"),
            strict=True,
        )
    ):
        line = methods.index(name)
        height = _HEIGHT * units[row] / units.max()
        bar = (layer[row] - 0.3, line + _HEIGHT / 2 - height)
        axes.add_patch(Rectangle(bar, 0.6, height, fc=colours[activation], ec=INK, lw=0.6))
        if layer[row] == 1:
            text = f"{_widths(table, name)}\n{count:,}".replace(",", " ")
            axes.annotate(text, (deepest + 0.55, line), va="center", size=8.5, linespacing=1.1)
    axes.set_yticks(range(len(methods)), methods)
    axes.set(xlim=(0.4, deepest + 0.5 + 1.1 * deepest), ylim=(len(methods) - 0.4, -0.6))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xticks(range(1, int(deepest) + 1))
    axes.set_xlabel(f"hidden layer (highest bar: {int(units.max())} units)", loc="left")
    axes.set_title("units per layer and number of parameters", weight="normal", size=8.5)
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    handles = [Rectangle((0, 0), 1, 1, fc=colours[a], ec=INK, lw=0.6, label=a) for a in activations]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _widths(table: FigureTable, method: str) -> str:
    own = np.array(table.words("method")) == method
    return "×".join(f"{int(units)}" for units in table.numbers("units")[own])


def compare_architectures(
    *,
    method: Sequence[str],
    hidden_widths: Sequence[Sequence[int]],
    activation: Sequence[str],
    parameters: Sequence[int],
) -> DrawnFigure:
    """Draw the networks; parameters as in `compare_architectures_table`."""
    table = compare_architectures_table(
        method=method, hidden_widths=hidden_widths, activation=activation, parameters=parameters
    )
    title = f"Hidden layers of the networks that {len(method)} search methods recommend."
    return drawn("compare_architectures", title, partial(draw_compare_architectures, table), table)
