"""Every figure: deterministic, self-contained, readable, safe."""

import re
import xml.etree.ElementTree as ET
from functools import cache
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from fictional_run import (
    SVG,
    cost_arrays,
    descriptor_audit_arrays,
    fictional_run,
    naswot_arrays,
    search_arrays,
    words,
)
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from surrogate_hpo.report import pictures
from surrogate_hpo.report.error_summary import QuantityError, error_summary
from surrogate_hpo.report.pictures import LAYOUTS
from surrogate_hpo.run.graph import STAGES
from surrogate_hpo.stages.acsd.figure import acsd_map
from surrogate_hpo.stages.acsd_audit.figure import descriptor_agreement
from surrogate_hpo.stages.compare.figure_architectures import compare_architectures
from surrogate_hpo.stages.compare.figure_cost import CostPanel, compare_cost
from surrogate_hpo.stages.compare.figure_curves import compare_curves
from surrogate_hpo.stages.naswot.figure import naswot_ranking
from surrogate_hpo.stages.report.figure_cost import cost_per_stage
from surrogate_hpo.stages.search.figure import search_history
from surrogate_hpo.stages.train.figure import learning_curves


@pytest.fixture(scope="module")
def run():
    return fictional_run()


def test_drawing_twice_gives_the_same_bytes(run):
    for first, second in zip(run.figures, fictional_run.__wrapped__().figures, strict=True):
        assert first.svg == second.svg


def test_drawing_ignores_the_users_matplotlib_settings(run):
    with matplotlib.rc_context({"font.size": 31, "svg.fonttype": "path", "axes.facecolor": "red"}):
        for first, second in zip(run.figures, fictional_run.__wrapped__().figures, strict=True):
            assert first.svg == second.svg


def test_drawings_share_no_id_and_refer_only_to_their_own(run):
    seen = set()
    for figure in run.figures:
        root = ET.fromstring(figure.svg)  # noqa: S314 - our own drawing
        ids = {element.get("id") for element in root.iter() if element.get("id")}
        assert ids
        assert not ids & seen
        seen |= ids
        for element in root.iter():
            target = element.get("{http://www.w3.org/1999/xlink}href", "")
            assert not target.startswith("#") or target[1:] in ids
            clip = element.get("clip-path", "")
            assert not clip or clip.removeprefix("url(#").removesuffix(")") in ids


def test_drawings_are_named_for_those_who_cannot_see_them(run):
    for figure in run.figures:
        root = ET.fromstring(figure.svg)  # noqa: S314 - our own drawing
        assert root.get("role") == "img"
        assert root.get("aria-label") == figure.title
        assert root.find(f"{SVG}title").text == figure.title


def text_boxes(figure):
    """Boxes (left, top, right, bottom) of all texts, measured in the font they were laid out in."""
    root = ET.fromstring(figure.svg)  # noqa: S314 - our own drawing
    for element in root.iter(f"{SVG}text"):
        style, transform = element.get("style"), element.get("transform", "")
        size = float(re.search(r"([\d.]+)px", style)[1])
        bold = "700" in style or "bold" in style
        font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
        width = text_to_path.get_text_width_height_descent(element.text, font, ismath=False)[0]
        moved = re.search(r"translate\(([-\d.]+) ([-\d.]+)\)", transform)
        x, y = moved.groups() if moved else (element.get("x"), element.get("y"))
        anchor = re.search(r"text-anchor: (\w+)", style)
        before = {"start": 0, "middle": width / 2, "end": width}[anchor[1] if anchor else "start"]
        along, across = (-before, width - before), (-0.7 * size, 0.15 * size)
        x, y = float(x), float(y)
        if re.search(r"rotate\(-90", transform):
            yield element.text, (x + across[0], y - along[1], x + across[1], y - along[0])
        else:
            assert re.search(r"rotate\(-?0[ )]", transform) or "rotate" not in transform
            yield element.text, (x + along[0], y + across[0], x + along[1], y + across[1])


@cache
def crowded_figures():
    """Figures at the upper end of what a study would show."""
    generator = np.random.default_rng(1)
    radius, degree = np.meshgrid(np.arange(2.5, 7.1, 0.5), np.arange(2, 15, 2), indexing="ij")
    names = ("total_free_energy", "band_energy", "hartree_energy", "exchange_correlation_energy")
    history = [(seed, epoch) for seed in range(10) for epoch in range(3)]
    arrays = naswot_arrays()
    return [
        acsd_map(
            cutoff_radius_angstrom=radius.ravel(),
            twojmax=degree.ravel(),
            acsd_mean=generator.uniform(0.0101, 0.0999, radius.size),
            acsd_std=np.full(radius.size, 0.0123),
            within_spread=generator.random(radius.size) < 0.5,
            chosen=(4.0, 8),
            constant_descriptor_acsd=0.012345,
        ),
        error_summary([QuantityError(n, 123.456, 12.3, 1e-4, 2e4) for n in names]),
        learning_curves(
            seed=[s for s, _ in history],
            epoch=[e for _, e in history],
            training_loss=[1.1e-5 + 1e-6 * e for _, e in history],
            validation_loss=[1.3e-5 + 1e-6 * e for _, e in history],
            used=[e == 1 for _, e in history],
        ),
        descriptor_agreement(**descriptor_audit_arrays()),
        naswot_ranking(**{**arrays, "parameter_count": np.full(40, 123456)}),
        search_history(**{**search_arrays(), "value": np.full(24, 3e-6)}),
        cost_per_stage(**{**cost_arrays(), "gpu_seconds": [98765.4] * len(STAGES)}),
        *comparison_figures(),
    ]


METHODS = (
    "direct search",
    "random search",
    "Optuna (TPE)",
    "Optuna with NASWOT pruner",
    "orthogonal array",
    "NASWOT, fixed",
    "NASWOT, optimised",
    "particle swarm",
    "particle swarm, two stages",
    "Hyperband",
    "filter, then halving",
)


def comparison_figures():
    """All search methods; one recommends the deepest network."""
    count = len(METHODS)
    seconds = np.geomspace(0.01, 5000, count)
    epochs = [(name, start, epoch) for name in METHODS for start in (0, 1) for epoch in (1, 2, 3)]
    cost = {"method": METHODS, "mae": np.linspace(2, 5, count), "std": np.ones(count), "floor": 0.4}
    return [
        compare_architectures(
            method=METHODS,
            hidden_widths=[[800] * 5, *[[192, 192, 192]] * (count - 1)],
            activation=["leaky_relu", *["tanh"] * (count - 1)],
            parameters=[12_345_678] * count,
        ),
        compare_curves(
            method=[name for name, _, _ in epochs],
            initialisation=[start for _, start, _ in epochs],
            epoch=[epoch for _, _, epoch in epochs],
            validation_loss=[1e-5 * (1 + start) / epoch for _, start, epoch in epochs],
        ),
        compare_cost(
            name="compare_wall_time",
            title="Wall time.",
            cost_label="wall time, with final training (s)",
            panels=[
                CostPanel("search", "search", seconds),
                CostPanel("total", "search and one final training", 2 * seconds),
            ],
            **cost,
        ),
    ]


@pytest.mark.parametrize("width", LAYOUTS)
@pytest.mark.parametrize(
    "make", [lambda: fictional_run.__wrapped__().figures, crowded_figures.__wrapped__]
)
def test_no_text_is_cut_or_overlaps_another(make, width, monkeypatch):
    # Text of the page's pictures is text and can be measured; that of the paper's is outlines.
    monkeypatch.setattr(pictures, "PAGE_LAYOUT", LAYOUTS[width])
    for figure in make():
        breadth, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', figure.svg).groups())
        boxes = list(text_boxes(figure))
        assert boxes
        for text, (left, top, right, bottom) in boxes:
            inside = left >= 0 and top >= 0 and right <= breadth and bottom <= height
            assert inside, f"{figure.name}: {text!r} is cut"
        for (text, one), (other, two) in combinations(boxes, 2):
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            assert apart, f"{figure.name}: {text!r} overlaps {other!r}"


UNIT = re.compile(
    r"\((s|Å|eV|m?eV/Å|1/eV|1/\(eV Å³\)|meV/atom|scaled|scaled LDOS|dimensionless|10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)\)"
)
PURE_NUMBERS = (
    "number of atoms",
    *("2J_max", "trial", "epoch", "hidden layer", "number of parameters", "pairs ", "score"),
    *("learning rate", "similarity of the ", "relative to the smallest"),
)


def test_every_axis_has_its_unit_or_is_a_pure_number():
    for drawing in (*fictional_run().figures, *crowded_figures()):
        figure = drawing.draw()
        labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
        labels |= {figure.get_supxlabel(), figure.get_supylabel()}
        for label in labels - {""}:
            known = UNIT.search(label.replace("\n", " ")) or label.startswith(PURE_NUMBERS)
            assert known, f"{drawing.name}: {label!r}"


def test_hostile_words_are_text_in_the_picture():
    arrays = naswot_arrays()
    arrays["activation"][0] = "<script>alert(1)</script>"
    figure = naswot_ranking(**arrays)
    assert "<script" not in figure.svg
    assert "<script>alert(1)</script>" in words(figure)
