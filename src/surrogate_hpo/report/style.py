"""The one look of all figures: colours, scales, ticks, and what a drawn figure is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Literal, ParamSpec

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from surrogate_hpo.figure_widths import FigureWidth
from surrogate_hpo.report.pictures import (
    PAGE_LAYOUT,
    STYLE,
    page_svg,
    paper_pdf,
    paper_svg,
)
from surrogate_hpo.report.table import FigureTable, superscript

Scale = Literal["linear", "log", "symlog"]
Parameters = ParamSpec("Parameters")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure ready for the report: the picture and the numbers in it.

    Attributes
    ----------
    name
        Short name, the stem of its files and its anchor in the report.
    title
        What the picture shows, in one sentence; also the text read to those who cannot see it.
    svg
        The picture for the page, an ``<svg>`` element that can be inlined.
    draw
        Draws it anew: where it is arranged at another width it must start from nothing.
    table
        The numbers in the picture.
    """

    name: str
    title: str
    svg: str
    draw: Callable[[], Figure] = field(repr=False, compare=False)
    table: FigureTable

    def paper_svg(self, width: FigureWidth) -> str:
        """The picture at the width of a column, an SVG document."""
        return paper_svg(self.draw(), name=self.name, title=self.title, width=width)

    def paper_pdf(self, width: FigureWidth) -> bytes:
        """The picture at the width of a column, a PDF page."""
        return paper_pdf(self.draw(), title=self.title, width=width)


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Run a drawing function in the package's style, whatever the user's matplotlibrc says."""

    @wraps(draw)
    def draw_in_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with matplotlib.style.context(["default", STYLE]):
            return draw(*args, **kwargs)

    return draw_in_style


def new_figure(height_inches: float) -> Figure:
    """Make an empty figure of the common width that arranges its parts without overlap."""
    return Figure(figsize=(PAGE_LAYOUT.arranged_inches, height_inches), layout="constrained")


def drawn(name: str, title: str, draw: Callable[[], Figure], table: FigureTable) -> DrawnFigure:
    """Bind a drawing, its title and its table together."""
    return DrawnFigure(name, title, page_svg(draw(), name=name, title=title), draw, table)


def log_limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Limits of a logarithmic axis around the positive values, with room also around one.

    Set before drawing: matplotlib's own limits collapse when all values are equal.
    """
    drawable = values[np.isfinite(values) & (values > 0)]
    lower, upper = (drawable.min(), drawable.max()) if drawable.size else (1.0, 10.0)
    room = max(0.06 * float(np.log10(upper / lower)), 0.08)
    return float(lower) / 10.0**room, float(upper) * 10.0**room


def set_decades(axis: Axis, scale: Scale = "log") -> None:
    """Label a logarithmic axis in plain characters, also where it spans less than a decade.

    matplotlib's own labels are typeset as mathematics, which a browser without the font
    displaces, and they vanish when no power of ten lies within the axis.

    Parameters
    ----------
    axis
        An axis whose limits are final.
    scale
        Logarithmic, or linear around zero for values of both signs.
    """
    lower, upper = axis.get_view_interval()
    plain = scale == "log" and lower >= 1e-3 and upper <= 1e5
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick_label(value, plain)))
    axis.set_minor_formatter(NullFormatter())
    if scale == "symlog":
        return
    decades = float(np.log10(upper / lower))
    if decades < 2:
        subs = (1.0, 2.0, 5.0) if decades > 0.7 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=12))


def _tick_label(value: float, plain: bool) -> str:
    """Write all ticks of an axis alike: 0.01 and 10, or 10⁻⁵ and 2×10⁻³."""
    if plain or value == 0:
        return f"{value:g}"
    exponent = int(np.floor(np.log10(abs(value)) + 1e-9))
    mantissa = f"{abs(value) / 10.0**exponent:.2g}"
    power = f"10{superscript(exponent)}"
    return ("−" if value < 0 else "") + (power if mantissa == "1" else f"{mantissa}×{power}")


def scale_for(values: NDArray[np.float64]) -> Scale:
    """Choose the scale on which values can be told apart.

    Logarithmic for positive values that span more than a factor of 30, linear around zero
    and logarithmic beyond for values of both signs that do, linear else.
    """
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if sizes.size == 0 or sizes.max() <= 30 * sizes.min():
        return "linear"
    return "log" if np.all(values[np.isfinite(values)] > 0) else "symlog"
