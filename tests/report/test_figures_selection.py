"""Graph, ACSD map, NASWOT ranking and search history."""

import numpy as np
import pytest
from fictional_run import (
    EDGES,
    STAGES,
    acsd_arrays,
    naswot_arrays,
    search_arrays,
    similarity_arrays,
    spread_arrays,
    words,
)

from surrogate_hpo.errors import DataError
from surrogate_hpo.stages.acsd.figure import SCORES, acsd_map
from surrogate_hpo.stages.acsd.figure_clouds import (
    similarity_clouds,
    similarity_clouds_table,
    similarity_spread,
)
from surrogate_hpo.stages.naswot.figure import naswot_ranking
from surrogate_hpo.stages.report.figure_dag import dag, dag_table
from surrogate_hpo.stages.rounds.figure import rounds_figure
from surrogate_hpo.stages.search.figure import search_history, search_history_table

# --- dag ---


def test_every_stage_comes_after_what_it_reads():
    table = dag_table(nodes=list(reversed(STAGES)), edges=EDGES)
    order = table.words("stage")
    assert sorted(order) == sorted(STAGES)
    assert all(order.index(source) < order.index(target) for source, target in EDGES)
    reads = dict(zip(order, table.words("reads"), strict=True))
    assert reads["acsd"] == "snapshots, ldos"


def test_dag_draws_every_stage_and_description():
    figure = dag(nodes=list(STAGES), edges=EDGES, descriptions=STAGES)
    assert set(words(figure)) == {*STAGES, *STAGES.values()}


def test_dag_draws_one_arrow_per_edge():
    figure = dag(nodes=list(STAGES), edges=EDGES, descriptions=STAGES)
    without = dag(nodes=list(STAGES), edges=[], descriptions=STAGES)
    # An arrow is a shaft and a head.
    arrows = figure.svg.count("<path") - without.svg.count("<path")
    lanes = len({s for s, t in EDGES if list(STAGES).index(t) > list(STAGES).index(s) + 1})
    assert arrows == 2 * len(EDGES) + lanes


def test_a_stage_may_lead_back_to_one_above_it():
    nodes, back = list(STAGES), [("train", "snapshots")]
    figure = dag(nodes=nodes, edges=EDGES, returning=back)
    order = figure.table.words("stage")
    assert order == dag(nodes=nodes, edges=EDGES).table.words("stage")
    returns = dict(zip(order, figure.table.words("returns"), strict=True))
    assert {stage: to for stage, to in returns.items() if to} == {"train": "snapshots"}
    assert figure.svg.count("stroke-dasharray") == 1
    with pytest.raises(DataError, match=r"unknown stage(.|\n)*got: tarin"):
        dag(nodes=nodes, edges=[], returning=[("tarin", "dft")])


def test_a_cycle_is_refused():
    with pytest.raises(DataError, match="cycle"):
        dag(nodes=["a", "b"], edges=[("a", "b"), ("b", "a")])


def test_an_unknown_stage_is_refused():
    with pytest.raises(DataError, match=r"unknown stage(.|\n)*got: tarin"):
        dag(nodes=["train"], edges=[("train", "tarin")])


def test_a_stage_given_twice_is_refused():
    with pytest.raises(DataError, match="twice"):
        dag(nodes=["train", "train"], edges=[])


# --- rounds ---


def round_rows():
    """Three rounds of four, of which one calculation failed, and an empty one."""
    columns = (
        *("round", "state", "dft_runs", "training_snapshots", "energy_error_mev_per_atom"),
        *("force_rmse_mev_per_angstrom", "chosen", "failed"),
    )
    values = [
        (1, "chosen", 8, 8, 3.1, 60.0, 4, 1),
        (2, "chosen", 12, 11, 2.0, 41.0, 4, 0),
        (3, "empty", 16, 15, 0.4, 19.0, 0, 0),
        (None, "after the last", 16, 15, 0.41, 19.4, None, None),
    ]
    rest = {"rule": "random", "candidates": 40, "dropped": 3, "dft_cpu_seconds": 9.0}
    rest |= {"relaxed_force_ev_per_angstrom": None, "surrogate_error_mev_per_atom": None}
    return [dict(zip(columns, row, strict=True)) | rest for row in values]


def test_rounds_show_errors_limits_failures_and_what_stayed_empty():
    rows = round_rows()
    figure = rounds_figure(rows, {"force_rmse_mev_per_angstrom": 20.0})
    shown = words(figure)
    assert {"chosen, DFT failed", "empty round", "after the last round", "rounds.stop"} <= {*shown}
    plain = [row | {"failed": 0, "state": "chosen"} for row in rows[:2]]
    shown = words(rounds_figure(plain, {}))
    assert not {"chosen, DFT failed", "empty round", "rounds.stop"} & {*shown}
    without = [row | {"force_rmse_mev_per_angstrom": None} for row in rows]
    assert not any("Å" in word for word in words(rounds_figure(without, {})))
    unknown = [row | {"energy_error_mev_per_atom": None} for row in without]
    assert "structures" in words(rounds_figure(unknown, {}))


# --- acsd_map ---


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


def test_the_map_of_the_kernel_spread_says_that_larger_is_better():
    arrays = acsd_arrays() | {"constant_descriptor_acsd": 0.0}
    figure = acsd_map(**arrays, score=SCORES["kernel-spread"])
    assert figure.name == "kernel_spread_map"
    assert figure.title.startswith("Kernel spread of 25 descriptor candidates")
    assert "kernel spread (10⁻²), larger is better" in words(figure)
    assert "a constant descriptor scores 0" in words(figure)
    names = [column.name for column in figure.table.columns]
    assert {"kernel_spread_mean", "kernel_spread_std"} <= set(names)
    assert not any("acsd" in name for name in names)


def test_the_table_of_the_map_holds_what_the_guard_found():
    arrays = acsd_arrays()
    held_out = np.linspace(0.1, 0.9, 25)
    table = acsd_map(**arrays, guard={"guard_held_out_unexplained": held_out}).table
    np.testing.assert_allclose(np.sort(table.numbers("guard_held_out_unexplained")), held_out)
    names = [column.name for column in acsd_map(**arrays, guard={}).table.columns]
    assert not any("guard" in name for name in names)


# --- similarities ---


def test_clouds_hold_every_pair_once():
    arrays = similarity_arrays()
    del arrays["snapshot"]
    table = similarity_clouds_table(**arrays)
    for name, cloud in zip(arrays["candidate"], arrays["descriptor_similarity"], strict=True):
        rows = np.array(table.words("candidate")) == name
        x, y, width, height, pairs = (
            table.numbers(column)[rows]
            for column in (
                "ldos_similarity",
                "descriptor_similarity",
                "ldos_width",
                "descriptor_width",
                "pairs",
            )
        )
        assert pairs.sum() == 900
        assert pairs.min() >= 1
        for k in (0, len(x) // 2, len(x) - 1):
            # Some pairs lie on the last edge, at 1.
            inside = np.abs(arrays["ldos_similarity"] - x[k] - width[k] / 2) <= width[k] / 2 + 1e-12
            inside &= np.abs(cloud - y[k] - height[k] / 2) <= height[k] / 2 + 1e-12
            assert inside.sum() == pairs[k]
        # Means over bins are those of the pairs to half a bin.
        mean = (pairs * (y + height / 2)).sum() / 900
        assert mean == pytest.approx(cloud.mean(), abs=height[0] / 2)


def test_clouds_and_spread_say_what_they_show():
    text = words(similarity_clouds(**similarity_arrays()))
    assert {"similarity of the LDOS, S_C(d)", "pairs per bin"} <= set(text)
    assert set(similarity_arrays()["candidate"]) <= set(text)
    spread = similarity_spread(**spread_arrays())
    assert spread.table.numbers("pairs").sum() == 1800
    assert {"similarity of the descriptors, S_C(B)", "pairs of points"} <= set(words(spread))


def test_similarities_of_a_constant_descriptor_are_drawn():
    similarity_clouds(
        snapshot="a",
        candidate=["x"],
        ldos_similarity=np.ones(5),
        descriptor_similarity=np.ones((1, 5)),
    )


@pytest.mark.parametrize("bad", [np.ones((1, 900)), np.ones((2, 4)), np.full((2, 900), np.nan)])
def test_similarities_of_other_pairs_are_refused(bad):
    with pytest.raises(DataError, match=r"not of the same pairs|not finite"):
        similarity_clouds(**{**similarity_arrays(), "descriptor_similarity": bad})
    if bad.shape != (2, 4):
        with pytest.raises(DataError, match=r"as many candidates|not finite"):
            similarity_spread(**{**spread_arrays(), "descriptor_similarity": bad})


# --- naswot_ranking ---


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


# --- search_history ---


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
