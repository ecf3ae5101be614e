"""Pictures for a paper: width of a column, fonts embedded, the same bytes each time."""

import re
import xml.etree.ElementTree as ET
import zlib
from functools import cache

import pytest
from fictional_run import EDGES, SVG, dag, energies, parity, similarity_arrays, similarity_clouds
from matplotlib.figure import Figure

from surrogate_hpo.data.figure_files import save_figures
from surrogate_hpo.report.pictures import LAYOUTS, paper_pdf
from surrogate_hpo.run.graph import STAGES

WIDTHS = {"single": 86.0, "double": 178.0}


@cache
def drawings():
    return (
        dag(nodes=STAGES, edges=EDGES),
        parity(**energies()),
        similarity_clouds(**similarity_arrays()),
    )


@cache
def pdfs(width):
    """Each drawing with its PDF."""
    return [(figure, figure.paper_pdf(width)) for figure in drawings()]


def streams(pdf):
    """What a PDF draws, decompressed."""
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    return [zlib.decompress(stream) for stream in found if stream[:1] == b"x"]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_pdf_is_as_wide_as_a_column_and_scaled_as_a_whole(width):
    for figure, pdf in pdfs(width):
        boxes = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
        assert len(boxes) == 1, "one page"
        breadth, height = map(float, boxes[0])
        assert breadth == pytest.approx(WIDTHS[width] / 25.4 * 72, abs=0.01)
        scale = LAYOUTS[width].scale
        assert height == pytest.approx(figure.draw().get_figheight() * 72 * scale, abs=0.01)
        (drawing,) = [s for s in streams(pdf) if b" cm" in s and b" Tf" in s]
        matrix = re.search(rb"([\d.]+) 0 0 ([\d.]+) 0 0 cm", drawing).groups()
        assert [float(number) for number in matrix] == pytest.approx([scale, scale], abs=1e-6)


@pytest.mark.parametrize("width", WIDTHS)
def test_lines_are_drawn_to_their_ends(width):
    figure = Figure(figsize=(LAYOUTS[width].arranged_inches, 3))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.plot([0, 0.5, 0.93], [0, 0.2, 0.97])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    (drawing,) = (s for s in streams(paper_pdf(figure, title="line", width=width)) if b" cm" in s)
    ends = [tuple(map(float, end)) for end in re.findall(rb"([\d.]+) ([\d.]+) l\b", drawing)]
    last = (0.93 * 72 * LAYOUTS[width].arranged_inches, 0.97 * 72 * 3)
    assert any(end == pytest.approx(last, abs=0.1) for end in ends)


def test_the_fonts_of_a_pdf_are_embedded_outlines_and_nothing_tells_when_it_was_made():
    for figure, pdf in pdfs("single"):
        fonts = re.findall(rb"/FontName /(\S+)", pdf)
        assert fonts
        assert pdf.count(b"/FontFile2") == len(set(fonts))
        assert b"/Type3" not in pdf
        assert b"Date" not in pdf
        assert f"/Title ({figure.title})".encode() in pdf


def test_letters_are_large_enough_to_read_in_print():
    for width, layout in LAYOUTS.items():
        for figure, pdf in pdfs(width):
            (drawing,) = [s for s in streams(pdf) if b" Tf" in s]
            sizes = [float(size) for size in re.findall(rb"([\d.]+) Tf", drawing)]
            assert min(sizes) * layout.scale >= 5.9, (figure.name, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_an_svg_for_a_paper_needs_no_font(width):
    for figure in drawings():
        text = figure.paper_svg(width)
        root = ET.fromstring(text)  # noqa: S314 - our own drawing
        assert root.get("width") == f"{WIDTHS[width]:g}mm"
        assert root.get("height").endswith("mm")
        assert root.find(f"{SVG}title").text == figure.title
        assert next(root.iter(f"{SVG}text"), None) is None
        assert "font-family" not in text


def test_pictures_are_the_same_bytes_in_any_order():
    for one, two in zip(drawings.__wrapped__(), drawings.__wrapped__(), strict=True):
        first = (one.svg, one.paper_svg("double"), one.paper_pdf("single"))
        assert (two.paper_pdf("single"), two.paper_svg("double"), two.svg) == first[::-1]


def test_each_figure_is_written_in_all_forms(tmp_path):
    save_figures(tmp_path / "figures", drawings()[:2], width="double")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    stems = ("dag", "parity_total_free_energy")
    assert names == {f"{stem}.{kind}" for stem in stems for kind in ("svg", "pdf", "csv")}
    assert (tmp_path / "figures/dag.pdf").read_bytes() == drawings()[0].paper_pdf("double")
