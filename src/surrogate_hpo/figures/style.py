"""The one look of all figures, and how a drawing becomes a deterministic SVG."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec
from xml.sax.saxutils import escape, quoteattr

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from surrogate_hpo.figures.table import FigureTable, superscript

WIDTH_INCHES = 5.6
"""Drawn this narrow, 10 pt text is still 9 px high on a phone 360 px wide."""

# Okabe and Ito's palette (Color Universal Design, 2008) without its yellow, which is too
# pale on white, and two dark colours of Paul Tol's muted scheme for long series.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, WINE, OLIVE = "#CC79A7", "#56B4E9", "#882255", "#7A7A1E"
GREY, INK = "#8A8A8A", "#222222"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, WINE, OLIVE)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

_STYLE: dict[str, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "errorbar.capsize": 2.5,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    # DejaVu Sans comes with matplotlib, so every machine lays out alike; Verdana has its
    # widths, and the rest are narrower: text in a browser can only shrink, never overlap.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif"],
    "font.size": 10,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}

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
        The picture, an ``<svg>`` element that stands alone and can be inlined.
    table
        The numbers in the picture.
    """

    name: str
    title: str
    svg: str
    table: FigureTable


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Run a drawing function in the package's style, whatever the user's matplotlibrc says."""

    @wraps(draw)
    def draw_in_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with matplotlib.style.context(["default", _STYLE]):
            return draw(*args, **kwargs)

    return draw_in_style


def new_figure(height_inches: float) -> Figure:
    """Make an empty figure of the common width that arranges its parts without overlap."""
    return Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")


def drawn(name: str, title: str, figure: Figure, table: FigureTable) -> DrawnFigure:
    """Bind a drawing, its title and its table together."""
    return DrawnFigure(name, title, to_svg(figure, name=name, title=title), table)


def to_svg(figure: Figure, *, name: str, title: str) -> str:
    """Write a figure as an ``<svg>`` element: the same input gives the same bytes.

    Parameters
    ----------
    figure
        The drawing.
    name
        Prefix of every id in it, so that several drawings can share one page.
    title
        Text for screen readers.

    Returns
    -------
    str
        The element, without XML declaration; text is kept as text.
    """
    buffer = io.StringIO()
    with (
        matplotlib.style.context(["default", _STYLE]),
        matplotlib.rc_context({"svg.hashsalt": name}),
    ):
        figure.savefig(
            buffer,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Only tags are rewritten: a label that happens to read like a reference stays as it is.
    svg = re.sub(r"<[^>]*>", lambda tag: _prefix_ids(tag.group(), name), svg)
    opening, rest = svg.split(">", 1)
    accessible = f'role="img" aria-label={quoteattr(title)}>\n <title>{escape(title)}</title>'
    return f"{opening} {accessible}{rest}"


def _prefix_ids(tag: str, name: str) -> str:
    return re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", tag)


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
