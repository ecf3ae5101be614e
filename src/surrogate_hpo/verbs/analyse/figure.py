"""Pictures of a predicted density: planes with their spread, a profile, surfaces, states."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LightSource, Normalize, to_rgb
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from numpy.typing import NDArray

from surrogate_hpo.physics.space.isosurface import Surface
from surrogate_hpo.report.palette import BLUE, GREY, ORANGE, SERIES, SKY
from surrogate_hpo.report.style import new_figure, styled
from surrogate_hpo.report.table import FigureTable
from surrogate_hpo.verbs.analyse.maps import DENSITY, EXCESS, LARGEST, MACROSCOPIC, SPREAD


@dataclass(frozen=True)
class Panel:
    """How one field of a plane is drawn.

    Attributes
    ----------
    column
        Its name in the table.
    label
        Name and unit on the colour bar.
    colours
        Colour map.
    """

    column: str
    label: str
    colours: str


SLICE = (
    Panel(DENSITY, "density (1/Å³)", "cividis"),
    Panel(SPREAD, "std over networks (1/Å³)", "magma"),
)
MAP = (
    Panel(LARGEST, "largest std of density (1/Å³)", "magma"),
    Panel(EXCESS, "largest excess (std)", "viridis"),
)


@styled
def draw_plane(
    table: FigureTable,
    shape: tuple[int, ...],
    *,
    vectors: tuple[str, str],
    panels: Sequence[Panel] = SLICE,
) -> Figure:
    """Draw fields on a plane side by side: the density and its spread over the networks.

    Parameters
    ----------
    table
        Of `slice_table` or `map_table`.
    shape
        Points along both vectors of the plane.
    vectors
        Their names.
    panels
        Fields, of which those are drawn that the table has.

    Returns
    -------
    Figure
        The drawing.
    """
    names = {column.name for column in table.columns}
    panels = [panel for panel in panels if panel.column in names]
    u, v = (table.numbers(name).reshape(shape) for name in ("u_angstrom", "v_angstrom"))
    figure = new_figure(3.8)
    for axes, panel in zip(
        np.ravel(figure.subplots(1, len(panels), squeeze=False)), panels, strict=True
    ):
        # As pixels: of a large grid, a path for each point makes a file that no viewer opens.
        image = axes.pcolormesh(
            u,
            v,
            table.numbers(panel.column).reshape(shape),
            cmap=panel.colours,
            shading="nearest",
            rasterized=True,
        )
        axes.set(aspect="equal", xlabel=f"along {vectors[0]} (Å)")
        axes.grid(visible=False)
        figure.colorbar(image, ax=axes, label=panel.label, orientation="horizontal")
    figure.axes[0].set_ylabel(f"towards {vectors[1]} (Å)")
    return figure


@styled
def draw_profile(table: FigureTable) -> Figure:
    """Draw the mean density of each plane, with a band of its spread where it is known."""
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    names = {column.name for column in table.columns}
    height, density = table.numbers("height_angstrom"), table.numbers(DENSITY)
    axes.plot(height, density, color=BLUE, label="planes")
    if SPREAD in names:
        spread = table.numbers(SPREAD)
        axes.fill_between(height, density - spread, density + spread, color=BLUE, alpha=0.25, lw=0)
    if MACROSCOPIC in names:
        axes.plot(height, table.numbers(MACROSCOPIC), "--", color=ORANGE, label="macroscopic")
        figure.legend(loc="outside lower center", ncols=2)
    _limits(axes, height)
    axes.set(xlabel="height (Å)", ylabel="mean density (1/Å³)")
    return figure


@styled
def draw_dos(table: FigureTable) -> Figure:
    """Draw densities of states of elements, atoms or parts, with bands of their spread."""
    figure = new_figure(3.8)
    axes = figure.add_subplot()
    energy = table.numbers("energy_ev")
    names = [column.name for column in table.columns]
    spreads = {name.replace("_per_ev", "_std_per_ev") for name in names} & set(names)
    curves = [column for column in table.columns[1:] if column.name not in spreads]
    for number, column in enumerate(curves):
        values, colour = table.numbers(column.name), SERIES[number % len(SERIES)]
        line = "-" if number < len(SERIES) else "--"
        axes.plot(energy, values, color=colour, ls=line, label=column.label)
        if (name := column.name.replace("_per_ev", "_std_per_ev")) in spreads:
            low, high = values - table.numbers(name), values + table.numbers(name)
            axes.fill_between(energy, low, high, color=colour, alpha=0.25, lw=0)
    _limits(axes, energy)
    axes.set(xlabel="energy (eV)", ylabel="density of states (1/eV)")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@styled
def draw_surface(surface: Surface, cell: NDArray[np.float64]) -> Figure:
    """Draw an isosurface in its cell, coloured by the spread of the density where it is known.

    Parameters
    ----------
    surface
        The surface.
    cell
        Cell vectors as rows, Å, [3, 3].

    Returns
    -------
    Figure
        The drawing.
    """
    figure = new_figure(4.2)
    axes = figure.add_subplot(projection="3d")
    light = LightSource(azdeg=315, altdeg=50)
    if surface.values is None or not len(surface.triangles):
        colours = np.tile(to_rgb(SKY), (len(surface.triangles), 1))
    else:
        each = surface.values[surface.triangles].mean(axis=1)
        shades = ScalarMappable(Normalize(each.min(), each.max()), "magma")
        colours = shades.to_rgba(each)[:, :3]
        label = "std over networks (1/Å³)"
        figure.colorbar(shades, ax=axes, label=label, orientation="horizontal", shrink=0.7)
    # A third of the light comes from everywhere; the inside, seen where the surface is cut open at
    # the faces of the cell, is lit as the outside.
    lit = 0.35 + 0.65 * abs(surface.normals @ light.direction)
    patches = Poly3DCollection(
        surface.vertices[surface.triangles], facecolors=colours * lit[:, None], antialiased=False
    )
    patches.set_rasterized(True)
    axes.add_collection3d(patches)
    corners = np.array(list(product((0, 1), repeat=3)))
    for one, other in combinations(corners, 2):
        if abs(one - other).sum() == 1:
            axes.plot(*(np.stack([one, other]) @ cell).T, color=GREY, lw=0.8)
    extent = np.ptp(corners @ cell, axis=0)
    axes.set_box_aspect(extent, zoom=0.88)  # room for the label of z
    axes.set(xlabel="x (Å)", ylabel="y (Å)", zlabel="z (Å)")
    return figure


def _limits(axes: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    if len(values) > 1:
        axes.set_xlim(values[0], values[-1])
