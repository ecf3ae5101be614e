"""Pictures of a predicted density: planes with their spread, a profile, states of atoms."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surrogate_hpo.report.palette import BLUE, SERIES
from surrogate_hpo.report.style import new_figure, styled
from surrogate_hpo.report.table import FigureTable
from surrogate_hpo.verbs.analyse.maps import DENSITY, SPREAD


@styled
def draw_slice(table: FigureTable, shape: tuple[int, int], *, vectors: tuple[str, str]) -> Figure:
    """Draw the density on a plane, and beside it its spread over the networks.

    Parameters
    ----------
    table
        Of `slice_table`.
    shape
        Points along both cell vectors of the plane.
    vectors
        Their names.

    Returns
    -------
    Figure
        The drawing.
    """
    fields = [(DENSITY, "density (1/Å³)", "cividis")]
    if SPREAD in {column.name for column in table.columns}:
        fields.append((SPREAD, "std over networks (1/Å³)", "magma"))
    u, v = (table.numbers(name).reshape(shape) for name in ("u_angstrom", "v_angstrom"))
    figure = new_figure(3.8)
    for axes, (name, label, colours) in zip(
        np.ravel(figure.subplots(1, len(fields), squeeze=False)), fields, strict=True
    ):
        # As pixels: of a large grid, a path for each point makes a file that no viewer opens.
        image = axes.pcolormesh(
            u,
            v,
            table.numbers(name).reshape(shape),
            cmap=colours,
            shading="nearest",
            rasterized=True,
        )
        axes.set(aspect="equal", xlabel=f"along {vectors[0]} (Å)")
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label=label, orientation="horizontal")
    figure.axes[0].set_ylabel(f"towards {vectors[1]} (Å)")
    return figure


@styled
def draw_profile(table: FigureTable) -> Figure:
    """Draw the mean density of each plane, with a band of its spread where it is known."""
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    height, density = table.numbers("height_angstrom"), table.numbers(DENSITY)
    axes.plot(height, density, color=BLUE)
    if SPREAD in {column.name for column in table.columns}:
        spread = table.numbers(SPREAD)
        axes.fill_between(height, density - spread, density + spread, color=BLUE, alpha=0.25, lw=0)
    _limits(axes, height)
    axes.set(xlabel="height (Å)", ylabel="mean density (1/Å³)")
    return figure


@styled
def draw_dos(table: FigureTable) -> Figure:
    """Draw the density of states of elements and atoms."""
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    energy = table.numbers("energy_ev")
    for number, column in enumerate(table.columns[1:]):
        axes.plot(
            energy,
            table.numbers(column.name),
            color=SERIES[number % len(SERIES)],
            ls="-" if number < len(SERIES) else "--",
            label=column.label,
        )
    _limits(axes, energy)
    axes.set(xlabel="energy (eV)", ylabel="density of states (1/eV)")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _limits(axes: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    if len(values) > 1:
        axes.set_xlim(values[0], values[-1])
