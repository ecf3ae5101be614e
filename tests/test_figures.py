"""Figures: the data behind them, what their pictures say, and what they refuse."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from fictional_run import (
    EDGES,
    STAGES,
    acsd_arrays,
    cost_arrays,
    dos_arrays,
    energies,
    fictional_run,
    learning_arrays,
    naswot_arrays,
    search_arrays,
)
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from surrogate_hpo.errors import DataError
from surrogate_hpo.figures.acsd_map import acsd_map
from surrogate_hpo.figures.cost_per_stage import cost_per_stage, cost_per_stage_table
from surrogate_hpo.figures.dag import dag, dag_table
from surrogate_hpo.figures.dos_overlay import dos_overlay, dos_overlay_table
from surrogate_hpo.figures.error_summary import QuantityError, error_summary
from surrogate_hpo.figures.learning_curves import learning_curves, learning_curves_table
from surrogate_hpo.figures.naswot_ranking import naswot_ranking
from surrogate_hpo.figures.parity import parity, parity_table
from surrogate_hpo.figures.search_history import search_history, search_history_table
from surrogate_hpo.figures.style import scale_for
from surrogate_hpo.figures.table import (
    FigureTable,
    format_number,
    format_value,
    format_with_spread,
    number_column,
)

SVG = "{http://www.w3.org/2000/svg}"


def words(figure):
    """Every text in a drawing, in order."""
    root = ET.fromstring(figure.svg)  # noqa: S314 - our own drawing
    return ["".join(element.itertext()).strip() for element in root.iter(f"{SVG}text")]


@pytest.fixture(scope="module")
def run():
    return fictional_run()


# --- every figure -------------------------------------------------------------------------


def test_drawing_twice_gives_the_same_bytes(run):
    for first, second in zip(run.figures, fictional_run().figures, strict=True):
        assert first.svg == second.svg


def test_drawing_ignores_the_users_matplotlib_settings(run):
    with matplotlib.rc_context({"font.size": 31, "svg.fonttype": "path", "axes.facecolor": "red"}):
        for first, second in zip(run.figures, fictional_run().figures, strict=True):
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
        ),
        naswot_ranking(**{**arrays, "parameter_count": np.full(40, 123456)}),
        search_history(**{**search_arrays(), "value": np.full(24, 3e-6)}),
        cost_per_stage(**{**cost_arrays(), "gpu_seconds": [98765.4] * 10}),
    ]


@pytest.mark.parametrize("make", [lambda: fictional_run().figures, crowded_figures])
def test_no_text_is_cut_or_overlaps_another(make):
    for figure in make():
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', figure.svg).groups())
        boxes = list(text_boxes(figure))
        assert boxes
        for text, (left, top, right, bottom) in boxes:
            inside = left >= 0 and top >= 0 and right <= width and bottom <= height
            assert inside, f"{figure.name}: {text!r} is cut"
        for (text, one), (other, two) in combinations(boxes, 2):
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            assert apart, f"{figure.name}: {text!r} overlaps {other!r}"


def test_hostile_words_are_text_in_the_picture():
    arrays = naswot_arrays()
    arrays["activation"][0] = "<script>alert(1)</script>"
    figure = naswot_ranking(**arrays)
    assert "<script" not in figure.svg
    assert "<script>alert(1)</script>" in words(figure)


# --- table --------------------------------------------------------------------------------


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(DataError, match=r"differ in length(.|\n)*a: 2, b: 1"):
        FigureTable((number_column("a", "a", "", [1, 2]), number_column("b", "b", "", [1])))


def test_columns_of_the_same_name_are_refused():
    with pytest.raises(DataError, match="same name"):
        FigureTable((number_column("a", "a", "", [1]), number_column("a", "b", "", [2])))


def test_a_column_must_be_one_dimensional():
    with pytest.raises(DataError, match=r"scores(.|\n)*\(2, 1\)"):
        number_column("scores", "scores", "", [[1], [2]])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (-3, "−3"),
        (0.0, "0"),
        (0.0123456, "0.01235"),
        (-57.2, "−57.2"),
        (99999.6, "100000"),
        (2.5e-5, "2.5×10⁻⁵"),
        (float("nan"), "not finite"),
        ("a-b", "a-b"),
    ],
)
def test_cells_are_written_for_people(value, text):
    assert format_value(value) == text


@given(st.floats(-1e300, 1e300))
def test_four_digits_are_within_half_a_unit_of_the_fourth(value):
    text = format_number(value).replace("−", "-")
    table = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    mantissa, _, exponent = text.partition("×10")
    read = float(f"{mantissa}e{exponent.translate(table) or 0}")
    assert read == pytest.approx(value, rel=5.1e-4, abs=5e-324)


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [
        (3.3551, 0.0898, "3.36 ± 0.09"),
        (2.508, 0.6109, "2.5 ± 0.6"),
        (2.9, 0.14, "2.90 ± 0.14"),
        (31.4, 12.0, "31 ± 12"),
        (2.9, 0.0, "2.9"),
        (2.9, float("nan"), "2.9"),
    ],
)
def test_a_spread_sets_the_digits(mean, spread, text):
    assert format_with_spread(mean, spread) == text


@pytest.mark.parametrize(
    ("values", "scale"),
    [([1, 2, np.nan], "linear"), ([1, 1e4, np.inf], "log"), ([-5, 1e4], "symlog"), ([], "linear")],
)
def test_scale_follows_the_values(values, scale):
    assert scale_for(np.array(values, dtype=float)) == scale


# --- dag ----------------------------------------------------------------------------------


def test_every_stage_comes_after_what_it_reads():
    table = dag_table(nodes=list(reversed(STAGES)), edges=EDGES)
    order = table.words("stage")
    assert sorted(order) == sorted(STAGES)
    assert all(order.index(source) < order.index(target) for source, target in EDGES)
    reads = dict(zip(order, table.words("reads"), strict=True))
    assert reads["acsd"] == "snapshots, ldos"


def test_dag_draws_every_stage_and_description(run):
    assert set(words(run.figures[0])) == {*STAGES, *STAGES.values()}


def test_dag_draws_one_arrow_per_edge(run):
    without = dag(nodes=list(STAGES), edges=[], descriptions=STAGES)
    # An arrow is a shaft and a head.
    arrows = run.figures[0].svg.count("<path") - without.svg.count("<path")
    lanes = len({s for s, t in EDGES if list(STAGES).index(t) > list(STAGES).index(s) + 1})
    assert arrows == 2 * len(EDGES) + lanes


def test_a_cycle_is_refused():
    with pytest.raises(DataError, match="cycle"):
        dag(nodes=["a", "b"], edges=[("a", "b"), ("b", "a")])


def test_an_unknown_stage_is_refused():
    with pytest.raises(DataError, match=r"unknown stage(.|\n)*got: tarin"):
        dag(nodes=["train"], edges=[("train", "tarin")])


def test_a_stage_given_twice_is_refused():
    with pytest.raises(DataError, match="twice"):
        dag(nodes=["train", "train"], edges=[])


# --- acsd_map -----------------------------------------------------------------------------


def test_acsd_map_marks_choice_and_candidates_within_the_spread():
    arrays = acsd_arrays()
    table = acsd_map(**arrays).table
    chosen = table.flags("chosen")
    assert chosen.sum() == 1
    assert table.numbers("cutoff_radius_angstrom")[chosen] == 6.5
    assert table.numbers("twojmax")[chosen] == 6
    assert table.flags("within_spread").sum() == arrays["within_spread"].sum()


def test_acsd_map_does_not_depend_on_the_order_of_candidates():
    arrays = acsd_arrays()
    columns = {name: a for name, a in arrays.items() if isinstance(a, np.ndarray)}
    shuffle = np.random.default_rng(0).permutation(25)
    shuffled = arrays | {name: a[shuffle] for name, a in columns.items()}
    assert acsd_map(**shuffled).svg == acsd_map(**arrays).svg


def test_acsd_map_says_what_it_shows():
    text = words(acsd_map(**acsd_arrays()))
    for label in (
        "cutoff radius (Å)",
        "2J_max (angular resolution)",
        "ACSD (10⁻²), smaller is better",
        "a constant descriptor scores 1.2 × 10⁻²",
        "chosen",
        "within the spread of the best",
        "4.676",
        "failed",
    ):
        assert label in text


def test_acsd_map_of_one_candidate():
    single = acsd_map(
        cutoff_radius_angstrom=[4.0],
        twojmax=[8],
        acsd_mean=[0.0],
        acsd_std=[0.0],
        within_spread=[True],
        chosen=(4.0, 8),
        constant_descriptor_acsd=0.01,
    )
    assert "4" in words(single)


@pytest.mark.parametrize("chosen", [(9.9, 6), (3.0, 8)], ids=["not scored", "failed"])
def test_a_choice_that_has_no_score_is_refused(chosen):
    with pytest.raises(DataError, match="exactly one candidate with a finite ACSD"):
        acsd_map(**{**acsd_arrays(), "chosen": chosen})


# --- naswot_ranking -----------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "sign"), [("minimise", 1), ("maximise", -1)])
def test_ranking_follows_the_direction_and_ranks_no_infinite_score(direction, sign):
    arrays = {**naswot_arrays(), "direction": direction}
    table = naswot_ranking(**arrays).table
    score = sign * table.numbers("score")[:38]
    assert np.all(np.diff(score) >= 0)
    assert table.values("rank") == (*range(1, 39), None, None)
    name = table.words("architecture")[int(np.flatnonzero(table.flags("chosen"))[0])]
    assert name == arrays["architecture"][arrays["chosen"]]


def test_naswot_ranking_says_what_it_shows():
    text = words(naswot_ranking(**naswot_arrays()))
    for label in ("ReLU", "LeakyReLU", "sigmoid", "tanh", "chosen", "no finite score"):
        assert label in text
    assert "number of parameters" in text
    assert "NASWOT score S' (dimensionless)" in text
    assert "smaller scores rank first in this run" in text


@pytest.mark.parametrize("score", [[-40.0, 3.0, 9e4], [1.0, 1.1, 1.2]])
def test_scores_of_any_sign_and_span_are_drawn(score):
    figure = naswot_ranking(
        architecture=["a", "b", "c"],
        activation=["ReLU"] * 3,
        parameter_count=[10, 100, 1000],
        score=score,
        score_std=[1.0, np.nan, 0.0],
        chosen=2,
        direction="maximise",
    )
    assert "larger scores rank first in this run" in words(figure)


@pytest.mark.parametrize("chosen", [4, 99, -1])
def test_an_architecture_without_finite_score_cannot_be_chosen(chosen):
    with pytest.raises(DataError, match="must have a finite score"):
        naswot_ranking(**{**naswot_arrays(), "chosen": chosen})


# --- search_history -----------------------------------------------------------------------


def test_best_so_far_ignores_failed_and_pruned_trials():
    table = search_history_table(
        trial=[2, 0, 1, 3, 4],
        value=[5.0, np.nan, 1.0, 7.0, 3.0],
        state=["COMPLETE", "FAIL", "PRUNED", "COMPLETE", "COMPLETE"],
        learning_rate=[1e-3] * 5,
        objective_unit="meV/atom",
    )
    assert table.values("trial") == (0, 1, 2, 3, 4)
    np.testing.assert_equal(table.numbers("best_so_far"), [np.nan, np.nan, 5.0, 5.0, 3.0])


def test_search_history_says_what_it_shows():
    text = words(search_history(**search_arrays()))
    for label in (
        "trial",
        "learning rate",
        "complete",
        "pruned",
        "failed, no value",
        "best so far",
    ):
        assert label in text
    assert "validation error of the band energy (meV/atom)" in text


def test_a_study_in_which_everything_failed_is_drawn():
    figure = search_history(
        trial=[0, 1],
        value=[np.nan, np.nan],
        state=["FAIL", "FAIL"],
        learning_rate=[1e-3, 1e-2],
        objective="LDOS loss",
        objective_unit="",
    )
    assert "failed, no value" in words(figure)
    assert "best" not in words(figure)


# --- learning_curves ----------------------------------------------------------------------


def test_the_best_epoch_is_the_smallest_finite_validation_loss():
    table = learning_curves_table(
        seed=[1, 1, 1, 0, 0],
        epoch=[1, 2, 3, 1, 2],
        training_loss=[3, 2, 1, 3, 2],
        validation_loss=[3, 2.5, np.nan, np.nan, np.nan],
        loss_unit="",
    )
    assert table.values("seed") == (0, 0, 1, 1, 1)
    assert table.values("best") == (False, False, False, True, False)


def test_learning_curves_say_what_they_show():
    text = words(learning_curves(**learning_arrays()))
    for label in ("seed 0", "seed 1", "seed 2", "training", "validation", "best epoch", "epoch"):
        assert label in text
    assert "LDOS loss (scaled LDOS)" in text
    assert "LDOS loss (1/(eV Å³)²)" in words(
        learning_curves(**learning_arrays(), loss_unit="1/(eV Å³)²")
    )


# --- dos_overlay --------------------------------------------------------------------------


def test_dos_is_averaged_over_seeds_and_compared_with_the_reference():
    table = dos_overlay_table(
        energy_ev=[0.0, 1.0], reference_per_ev=[1.0, 2.0], predicted_per_ev=[[1.0, 3.0], [2.0, 5.0]]
    )
    assert table.values("predicted_per_ev") == (1.5, 4.0)
    assert table.values("difference_per_ev") == (0.5, 2.0)
    assert table.values("std_over_seeds_per_ev") == pytest.approx((np.sqrt(0.5), np.sqrt(2)))


def test_dos_of_one_seed_has_no_spread():
    table = dos_overlay_table(
        energy_ev=[0.0, 1.0], reference_per_ev=[1.0, 2.0], predicted_per_ev=[[1.0, 3.0]]
    )
    assert table.values("std_over_seeds_per_ev") == (0.0, 0.0)


def test_dos_overlay_says_what_it_shows():
    text = words(dos_overlay(**dos_arrays()))
    for label in (
        "DOS (1/eV)",
        "energy (eV)",
        "DFT reference",
        "Fermi energy, DFT: 7.612 eV",
        "Fermi energy, predicted: 7.602 eV",
    ):
        assert label in text


def test_dos_on_another_energy_axis_is_refused():
    arrays = dos_arrays()
    with pytest.raises(DataError, match=r"\(seeds, 76\)(.|\n)*\(3, 77\)"):
        dos_overlay(**{**arrays, "energy_ev": arrays["energy_ev"][1:]})


# --- parity and error_summary -------------------------------------------------------------


@given(st.floats(-100, 100))
def test_parity_does_not_depend_on_the_zero_of_energy(shift):
    arrays = energies()
    moved = {n: arrays[n] + shift for n in arrays if n.endswith("_ev_per_atom")}
    before, after = parity_table(**arrays), parity_table(**{**arrays, **moved})
    for column in before.columns[1:]:
        np.testing.assert_allclose(
            after.numbers(column.name), before.numbers(column.name), atol=1e-9
        )
    assert abs(after.numbers("dft_mev_per_atom").mean()) < 1e-9


def test_parity_says_what_it_shows():
    figure = parity(**energies())
    text = words(figure)
    assert figure.name == "parity_total_free_energy"
    assert "total free energy: MAE 3.36 ± 0.09 meV/atom" in text
    assert "total free energy, DFT − mean (meV/atom)" in text
    for label in (
        "surrogate ± std over seeds",
        "floor (reference LDOS)",
        "baseline (training mean)",
    ):
        assert label in text


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mae_mev_per_atom", "MAE"),
        ("discretisation_error_mev_per_atom", "floor"),
        ("baseline_mev_per_atom", "baseline"),
    ],
)
def test_a_summary_that_contradicts_the_energies_is_refused(name, label):
    arrays = energies()
    wrong = replace(arrays["error"], **{name: getattr(arrays["error"], name) * 1.01})
    with pytest.raises(DataError, match=f"the {label} in the summary is not that of the energies"):
        parity(**{**arrays, "error": wrong})


def test_energies_of_other_snapshots_are_refused():
    arrays = energies()
    with pytest.raises(DataError, match=r"total_free_energy(.|\n)*\(seeds, 20\)(.|\n)*\(3, 19\)"):
        parity(**{**arrays, "surrogate_ev_per_atom": arrays["surrogate_ev_per_atom"][:, 1:]})


def test_error_summary_shows_every_number(run):
    figure = error_summary(run.errors)
    assert figure.table.values("mae_mev_per_atom") == tuple(e.mae_mev_per_atom for e in run.errors)
    text = words(figure)
    for label in ("total free energy", "3.36 ± 0.09", "0.333", "31.2", "hartree energy"):
        assert label in text
    assert "mean absolute error (meV/atom)" in text


def test_errors_that_are_zero_or_not_finite_are_written_out():
    text = words(error_summary([QuantityError("band_energy", float("nan"), float("nan"), 0.0, 9)]))
    assert "not finite" in text
    assert "0" in text


def test_nothing_to_draw_is_refused():
    with pytest.raises(DataError, match=r"nothing to draw(.|\n)*error_summary"):
        error_summary([])


# --- cost_per_stage -----------------------------------------------------------------------


def test_shares_of_the_cost_add_up():
    table = cost_per_stage_table(**cost_arrays())
    assert table.numbers("cpu_share_percent").sum() == pytest.approx(100)


def test_cost_shows_the_gpu_only_where_one_was_used():
    arrays = cost_arrays()
    with_gpu = words(cost_per_stage(**arrays))
    assert {"CPU", "GPU", "342 s", "41 s", "train"} <= set(with_gpu)
    without = words(cost_per_stage(**{**arrays, "gpu_seconds": [0] * 10}))
    assert "GPU" not in without
    assert "CPU time summed over jobs (s)" in without
