"""The report: computed verdicts, everything in one page, nothing from elsewhere."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from fictional_run import (
    EDGES,
    HELD_OUT,
    STAGES,
    energies,
    fictional_context,
    fictional_run,
    methods_arguments,
)

from surrogate_hpo.errors import DataError
from surrogate_hpo.report.error_summary import QuantityError
from surrogate_hpo.report.errors import ClassError, ForceErrors
from surrogate_hpo.report.markup import flatten_settings
from surrogate_hpo.report.methods import write_methods
from surrogate_hpo.report.page import Notice, ReportTable, render_report
from surrogate_hpo.report.verdict import Targets, has_learnt, headline, judge, summary
from surrogate_hpo.stages.report.figure_dag import dag

TARGETS = Targets(
    mae_mev_per_atom=5.0, baseline_fraction=0.2, floor_mev_per_atom=1.0, held_out_snapshots=16
)
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Collects ids, links, tags and text, and checks that elements nest."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.tags, self.links, self.loads, self.open = [], [], [], [], []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if tag == "a" and name == "href":
                self.links.append(value)
            elif name in {"src", "href", "xlink:href", "action", "data"}:
                self.loads.append(value)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def context():
    return fictional_context()


@pytest.fixture(scope="module")
def html(context):
    return render_report(context)


def error(mae=3.0, std=0.2, floor=0.4, baseline=30.0, **more):
    more = {"ensemble_mae_mev_per_atom": mae, "correlation": 0.98} | more
    return QuantityError("total_free_energy", mae, std, floor, baseline, **more)


# --- verdicts -----------------------------------------------------------------------------


def met(**numbers):
    return [v.met for v in judge(error(**numbers), TARGETS, held_out_snapshots=20)]


def test_each_target_is_judged_on_its_own():
    assert met() == [True, True, True, True]
    assert met(mae=5.5) == [False, True, True, True]
    assert met(baseline=14.0) == [True, False, True, True]
    assert met(floor=1.2) == [True, True, False, True]
    few = judge(error(), TARGETS, held_out_snapshots=15)
    assert [v.met for v in few] == [True, True, True, False]


def test_a_limit_that_is_reached_exactly_is_met():
    assert met(mae=5.0, baseline=25.0, floor=1.0) == [True, True, True, True]


def test_a_number_that_is_not_finite_meets_no_target():
    nan = float("nan")
    assert met(mae=nan, std=nan) == [False, False, True, True]
    assert met(mae=nan, std=nan, floor=nan) == [False, False, False, True]


def test_without_a_reference_nothing_is_judged():
    nan = float("nan")
    assert met(mae=nan, std=nan, floor=nan, baseline=nan) == []


@pytest.mark.parametrize(("mae", "close"), [(4.7, False), (4.9, True), (5.1, True), (5.3, False)])
def test_a_verdict_says_when_the_spread_could_turn_it(mae, close):
    verdict = judge(error(mae=mae), TARGETS, held_out_snapshots=20)[0]
    assert verdict.remark == ("within one standard deviation of the limit" if close else "")


def test_the_summary_counts():
    verdicts = judge(error(), TARGETS, held_out_snapshots=20)
    assert summary(verdicts) == "All 4 targets are met."
    verdicts = judge(error(mae=9.0), TARGETS, held_out_snapshots=20)
    assert summary(verdicts) == "2 of 4 targets are met."


def test_the_headline_has_every_number():
    text = headline(error(), held_out_snapshots=20, seeds=3)
    assert "total free energy of 20 held-out snapshots" in text
    assert "3.0 ± 0.2 meV/atom (mean ± standard deviation over 3 seeds)" in text
    assert "0.4 meV/atom (floor)" in text
    assert "30 meV/atom (baseline)" in text
    assert "0.1 of the baseline's, at a correlation of 0.98 with DFT" in text
    assert "predicting the training mean has" in text
    assert "not learnt" not in text
    assert "control" not in text


def test_sizes_and_temperatures_stand_one_by_one_behind_their_average():
    def of(atoms, kelvin, mae, control):
        found = replace(error(control_mae_mev_per_atom=control), ensemble_mae_mev_per_atom=mae)
        return ClassError(atoms, kelvin, 3, replace(found, baseline_mev_per_atom=10.0))

    classes = [of(8, 298.0, 3.75, 0.47), of(32, 298.0, 1.28, 2.16), of(32, math.nan, 26.0, 7.0)]
    whole = error(control_mae_mev_per_atom=1.0)
    text = headline(whole, held_out_snapshots=9, seeds=3, classes=classes)
    assert (
        "One by one, in meV/atom: 8 atoms, ions at 298 K 3.75 (baseline 10); 32 atoms, ions at "
        "298 K 1.28 (baseline 10); 32 atoms 26 (baseline 10)." in text
    )
    assert "more accurate for 32 atoms, ions at 298 K, and not elsewhere" in text
    alone = headline(whole, held_out_snapshots=9, seeds=3, classes=classes[:1])
    assert "One by one" not in alone
    assert "not worth its LDOS" in alone


@pytest.mark.parametrize("mae", [30.0, 31.0, float("nan")])
def test_the_headline_admits_a_useless_surrogate(mae):
    text = headline(error(mae=mae), held_out_snapshots=2, seeds=2)
    assert text.startswith("The surrogate has not learnt the total free energy: ")
    assert "no better than the baseline" in text


@pytest.mark.parametrize(("ensemble", "learnt"), [(15.0, True), (15.1, False)])
def test_more_than_half_of_the_baseline_is_not_learnt(ensemble, learnt):
    found = error(mae=3.0, ensemble_mae_mev_per_atom=ensemble)
    text = headline(found, held_out_snapshots=2, seeds=2)
    assert has_learnt(found) == learnt
    assert text.startswith("The surrogate has not learnt") != learnt
    assert ("more than half" in text) != learnt


def test_a_baseline_of_nothing_tells_nothing():
    found = error(baseline=0.0, correlation=float("nan"))
    text = headline(found, held_out_snapshots=1, seeds=2)
    assert text.startswith("For the total free energy of 1 held-out snapshot")
    assert "not comparable" in text
    assert "do not tell" in text


@pytest.mark.parametrize(
    ("control", "words"), [(0.4, "not worth its LDOS"), (9.0, "more accurate")]
)
def test_the_headline_sets_the_control_beside_the_surrogate(control, words):
    text = headline(error(control_mae_mev_per_atom=control), held_out_snapshots=20, seeds=3)
    assert f"{control:g} meV/atom (control)" in text
    assert words in text


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        (0.4, "0.4 meV/atom from those of a denser mesh of k points (k noise)."),
        (9.0, "(k noise): more than the surrogate's error, which is agreement with these labels"),
        (float("nan"), "denser mesh of k points (k noise) is not known."),
    ],
)
def test_the_headline_says_what_the_labels_are_worth(noise, words):
    found = error(kpoint_noise_mev_per_atom=noise, ensemble_mae_mev_per_atom=3.0)
    assert words in headline(found, held_out_snapshots=20, seeds=3)


def test_where_the_labels_of_some_sizes_only_are_judged_these_are_named():
    judged = ClassError(8, 298.0, 3, error(kpoint_noise_mev_per_atom=0.07))
    classes = [judged, ClassError(32, 298.0, 3, error())]
    text = headline(error(), held_out_snapshots=6, seeds=3, classes=classes)
    assert "is not known for all of them; known, in meV/atom: 8 atoms, ions at 298 K 0.07." in text


def test_the_headline_tells_the_forces_where_they_are_known():
    forces = ForceErrors(26.52, 606.9, 0.99917, 31.13, 0.5104, 32.9, 0.661)
    text = headline(error(), held_out_snapshots=20, seeds=3, forces=forces)
    assert text.endswith(
        "Forces: RMSE 26.5 meV/Å at an RMS force of 607 meV/Å, correlation 0.9992; the networks' "
        "spread is 31.1 meV/Å, and 51 % of the components are within theirs; the expected error is "
        "32.9 meV/Å, with 66 % within theirs."
    )
    without = ForceErrors(26.52, 606.9, 0.99917, 31.13, 0.5104)
    assert without.text.endswith("within theirs; there is no calibrated error bar of forces.")
    alone = replace(without, correlation=None, spread_mev_per_angstrom=None, within_spread=None)
    assert alone.text == (
        "Forces: RMSE 26.5 meV/Å at an RMS force of 607 meV/Å; there is no calibrated error bar "
        "of forces."
    )
    assert "Forces" not in headline(error(), held_out_snapshots=20, seeds=3)


def test_one_seed_has_no_spread():
    text = headline(error(std=float("nan")), held_out_snapshots=20, seeds=1)
    assert "3 meV/atom (one seed, so its spread is unknown)" in text


# --- the page -----------------------------------------------------------------------------


def test_the_same_run_gives_the_same_page(context, html):
    assert render_report(context) == html


def test_the_page_loads_nothing_and_runs_nothing(html):
    page = Page(html)
    assert not {"script", "link", "iframe", "img", "object", "embed"} & set(page.tags)
    assert all(load.startswith("#") or load.startswith("data:") for load in page.loads)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_elements_nest_and_ids_are_unique(html):
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    within = {link[1:] for link in page.links if link.startswith("#")}
    assert within <= set(page.ids)
    papers = ("https://doi.org/10.", "https://arxiv.org/abs/")
    assert all(link.startswith(("#", *papers)) for link in page.links)


def test_every_figure_has_its_caption_and_table(context, html):
    page = Page(html)
    for figure in context.figures:
        assert f"figure-{figure.name}" in page.ids
        assert f"Table: {figure.title} ({len(figure.table)} rows)" in page.text
    assert page.tags.count("svg") == page.tags.count("figcaption") == len(context.figures)


def test_tables_for_a_paper_are_shown_once(context, html):
    text = Page(html).text
    assert f"Table: Errors of each snapshot. ({HELD_OUT} rows)" in text
    assert "Table: Cost of each search method. (1 rows)" in text
    assert "Table: Computing time. (" not in text, "its figure has the same table"
    assert text.count("Table: Computing time per stage.") == 1
    assert "−57.2" in text
    energy = context.tables[0].table.numbers("dft_ev_per_atom")[0]
    assert f"{energy:.5f}".replace("-", "−") in text, "to a hundredth of an meV"


def test_the_methods_are_on_the_page_and_each_citation_leads_to_its_reference(context, html):
    page = Page(html)
    cited = list(context.methods.cited)
    assert {f"reference-{key}" for key in cited} <= set(page.ids)
    assert {link for link in page.links if link.startswith("#reference-")} == {
        f"#reference-{key}" for key in cited
    }
    assert "[@" not in page.text
    assert "Quantum ESPRESSO 7.2 [3, 4], run through" in page.text
    assert html.count('id="reference-') == len(cited)


def test_a_run_without_a_reference_claims_no_error(context):
    nan = float("nan")
    unknown = QuantityError("total_free_energy", nan, nan, nan, nan)
    kept = [f for f in context.figures if not f.name.startswith(("parity", "error_summary"))]
    page = render_report(replace(context, errors=[unknown], figures=kept))
    text = Page(page).text
    assert "is not known: the data hold no reference for it." in text
    assert "The targets cannot be judged without it." in text
    assert "met:" not in text
    assert not re.search(r"\bnan\b", page)


def test_every_stage_has_a_section(html):
    assert {*STAGES, "workflow", "cost", "settings", "provenance"} - {"report"} <= set(
        Page(html).ids
    )


def test_the_page_shows_result_settings_warnings_and_provenance(html):
    text = Page(html).text
    for words in (
        "3.36 ± 0.09 meV/atom",
        "All 4 targets are met.",
        "N_batch was clipped from 100 to 30",
        "dft.temperature_kelvin",
        "5000.0",
        "3.0, 3.5, 4.676, 5.5, 6.5",
        "Quantum ESPRESSO 7.2",
        "ab" * 32,
        "This run minimises the score.",
    ):
        assert words in text


def test_errors_per_size_and_temperature_are_shown_openly(context, html):
    page = Page(html)
    result = html[html.index('id="result"') : html.index('id="workflow"')]
    assert 'aria-label="Errors per size and temperature."' in result
    assert "<details>" not in result
    for words in ("108", "933", "snapshots&#39; own mean"):
        assert words in result
    assert "figure-error_by_size" in page.ids
    without = render_report(replace(context, classes=()))
    assert "Errors per size and temperature." not in without


def test_missed_targets_are_said(context):
    text = Page(render_report(replace(context, targets=replace(TARGETS, mae_mev_per_atom=1)))).text
    assert "3 of 4 targets are met." in text
    assert "missed: MAE at most 1 meV/atom" in text


def test_a_run_without_targets_claims_none(context):
    text = Page(render_report(replace(context, targets=None))).text
    assert "No targets were set for this run." in text
    assert "targets are met" not in text


def test_words_of_the_user_are_never_markup(context):
    hostile = "</td><script>alert('x')</script>"
    page = render_report(
        replace(
            context,
            title=hostile,
            material=hostile,
            settings={hostile: {"key": hostile}, "list": [hostile]},
            key_numbers={"acsd": {hostile: hostile}},
            notes={"acsd": [hostile]},
            warnings=(Notice("acsd", hostile),),
            methods=write_methods(**methods_arguments(material=hostile, software=hostile)),
            provenance=replace(context.provenance, engine_version=hostile, seeds={hostile: 1}),
        )
    )
    assert "<script" not in page
    assert Page(page).text.count(hostile) >= 11


# --- refusals -----------------------------------------------------------------------------


def test_a_missing_figure_is_named(context):
    with pytest.raises(DataError, match=r"not complete(.|\n)*missing: dag"):
        render_report(replace(context, figures=context.figures[1:]))


def test_figures_of_one_objective_are_enough(context):
    labelled, free = ("acsd_map", "similarity_clouds"), ("kernel_spread_map", "similarity_spread")
    for absent, present in ((labelled, free), (free, labelled)):
        kept = [figure for figure in context.figures if figure.name not in absent]
        page = Page(render_report(replace(context, figures=kept)))
        assert set(present) <= {name.removeprefix("figure-") for name in page.ids}
        assert not set(absent) & {name.removeprefix("figure-") for name in page.ids}
    kept = [f for f in context.figures if f.name not in ("acsd_map", "kernel_spread_map")]
    with pytest.raises(DataError, match="missing: acsd_map"):
        render_report(replace(context, figures=kept))


def test_missing_parity_plots_are_named(context):
    kept = [figure for figure in context.figures if not figure.name.startswith("parity")]
    with pytest.raises(DataError, match="missing: parity"):
        render_report(replace(context, figures=kept))


def test_unknown_and_doubled_figures_are_named(context):
    odd = replace(context.figures[0], name="portrait")
    figures = (*context.figures, odd, dag(nodes=list(STAGES), edges=EDGES))
    with pytest.raises(DataError, match="unknown: portrait; given twice: dag"):
        render_report(replace(context, figures=figures))


def test_the_methods_tell_of_snapshots_that_rounds_chose():
    counts = {"training": 40, "validation": 4, "test": HELD_OUT}
    chosen = write_methods(**methods_arguments(snapshots=counts | {"chosen": 12})).markdown()
    assert "Of those for training, 12 were chosen one round after the other" in chosen
    none = write_methods(**methods_arguments(snapshots=counts | {"chosen": 0})).markdown()
    assert "one round after the other" not in none


def test_stages_that_only_some_runs_have_are_shown_where_they_tell_something(context, html):
    assert not {"rounds", "floor"} & {*Page(html).ids}
    told = "1 of 4 structures that the rounds chose have no DFT result: round1-0002"
    table = ReportTable("rounds", "rounds", "What each round chose.", context.tables[0].table)
    page = Page(
        render_report(
            replace(
                context,
                warnings=(Notice("rounds", told), Notice("floor", "a floor of 20 meV/atom")),
                tables=(*context.tables, table),
            )
        )
    )
    ids = page.ids
    assert ids.index("dft") < ids.index("rounds") < ids.index("ldos") < ids.index("floor")
    assert told in page.text
    assert "What each round chose." in page.text


def test_key_numbers_of_an_unknown_stage_are_refused(context):
    with pytest.raises(DataError, match=r"unknown stage(.|\n)*got: tarin"):
        render_report(replace(context, key_numbers={"tarin": {"epochs": 3}}))


def test_a_headline_quantity_without_errors_is_refused(context):
    with pytest.raises(DataError, match=r"no errors(.|\n)*expected: entropy"):
        render_report(replace(context, headline_quantity="entropy"))


def test_settings_are_flattened_and_quoted_exactly():
    settings = {"a": {"b": {"c": 0.1234567890123}}, "d": None, "e": [1, [2.5, True]], "f": -3}
    assert list(flatten_settings(settings)) == [
        ("a.b.c", "0.1234567890123"),
        ("d", "–"),
        ("e", "1, (2.5, yes)"),
        ("f", "-3"),
    ]


def test_a_single_parity_plot_is_enough(context):
    other = energies("band_energy", 4.9, 0.05)["error"]
    kept = [f for f in fictional_run().figures if f.name != f"parity_{other.quantity}"]
    assert "figure-parity_total_free_energy" in render_report(replace(context, figures=kept))
