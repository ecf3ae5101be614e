"""How a drawing becomes a picture: on the report's page, and at the width of a journal's column.

The same drawing always gives the same bytes: no dates, no random ids.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import matplotlib
import matplotlib.style
from matplotlib.backends.backend_pdf import FigureCanvasPdf, Op, PdfFile, RendererPdf
from matplotlib.figure import Figure

from surrogate_hpo.figure_widths import FigureWidth
from surrogate_hpo.report.palette import INK

POINTS_PER_INCH = 72
MILLIMETRES_PER_INCH = 25.4

STYLE: dict[str, object] = {
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
    # TrueType, whole outlines: journals refuse the Type 3 fonts that are the default.
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 9,
    "ytick.color": INK,
    "ytick.labelsize": 9,
}


@dataclass(frozen=True)
class Layout:
    """A width to arrange a figure at, and the width to which all of it is then scaled.

    Attributes
    ----------
    arranged_inches
        Width at which letters have the sizes of the style, 8.5 to 10.5 pt.
    printed_millimetres
        Width of the picture.
    """

    arranged_inches: float
    printed_millimetres: float

    @property
    def scale(self) -> float:
        """Printed over arranged width."""
        return self.printed_millimetres / MILLIMETRES_PER_INCH / self.arranged_inches


LAYOUTS: dict[FigureWidth, Layout] = {
    "single": Layout(arranged_inches=4.8, printed_millimetres=86),
    "double": Layout(arranged_inches=8.4, printed_millimetres=178),
}
"""Column widths of the American Physical Society, which fit most journals. The smallest letters
are 6.0 pt in a single column and 7.1 pt over both."""

PAGE_LAYOUT = LAYOUTS["single"]
"""On the page, too: arranged this narrow, letters are still 9 px high on a phone 390 px wide."""


@contextmanager
def _arranged(figure: Figure, layout: Layout, **style: object) -> Iterator[None]:
    """Give a figure the style and the width of a layout; its height in inches stays."""
    with matplotlib.style.context(["default", STYLE, style]):
        figure.set_size_inches(layout.arranged_inches, figure.get_figheight())
        yield


def page_svg(figure: Figure, *, name: str, title: str) -> str:
    """Write a figure as an ``<svg>`` element for the page; text is kept as text.

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
        The element, without XML declaration.
    """
    with _arranged(figure, PAGE_LAYOUT):
        return _svg(figure, name=name, title=title)


def paper_svg(figure: Figure, *, name: str, title: str, width: FigureWidth) -> str:
    """Write a figure as an SVG document of a column's width.

    Parameters
    ----------
    figure
        The drawing.
    name
        Prefix of every id in it.
    title
        Text for screen readers.
    width
        Which column.

    Returns
    -------
    str
        The document. Letters are outlines: it looks the same where the font is not installed.
    """
    layout = LAYOUTS[width]
    with _arranged(figure, layout, **{"svg.fonttype": "path"}):
        svg = _svg(figure, name=name, title=title)
        height = figure.get_figheight() * layout.scale * MILLIMETRES_PER_INCH
    size = f'width="{layout.printed_millimetres:g}mm" height="{height:.3f}mm"'
    return re.sub(
        r'width="[\d.]+pt" height="[\d.]+pt"|height="[\d.]+pt" width="[\d.]+pt"', size, svg, count=1
    )


def paper_pdf(figure: Figure, *, title: str, width: FigureWidth) -> bytes:
    """Write a figure as one PDF page of a column's width, fonts embedded.

    Parameters
    ----------
    figure
        The drawing.
    title
        Title of the document.
    width
        Which column.

    Returns
    -------
    bytes
        The file.
    """
    layout = LAYOUTS[width]
    buffer = io.BytesIO()
    with _arranged(figure, layout):
        canvas = FigureCanvasPdf(figure)
        figure.dpi = POINTS_PER_INCH
        size = figure.get_size_inches()
        nameless: dict[str, str | None] = dict.fromkeys(("Creator", "Producer", "CreationDate"))
        file = PdfFile(buffer, metadata={"Title": title, **nameless})
        file.newPage(*(size * layout.scale))
        # Letters and lines have absolute sizes, so the page is scaled and not the figure.
        # Paths are cut at these, which are of the page, not of what is scaled to it.
        file.width, file.height = size
        file.output(layout.scale, 0, 0, layout.scale, 0, 0, Op.concat_matrix)
        renderer = RendererPdf(file, POINTS_PER_INCH, size[1], size[0])
        canvas.figure.draw(renderer)
        renderer.finalize()
        file.finalize()
    return buffer.getvalue()


def _svg(figure: Figure, *, name: str, title: str) -> str:
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
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
