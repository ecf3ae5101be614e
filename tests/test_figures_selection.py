"""Graph, ACSD map, NASWOT ranking and search history."""

import numpy as np
import pytest
from fictional_run import (
    EDGES,
    STAGES,
    acsd_arrays,
    naswot_arrays,
    search_arrays,
    words,
)

from surrogate_hpo.errors import DataError
from surrogate_hpo.figures.acsd_map import acsd_map
from surrogate_hpo.figures.dag import dag, dag_table
from surrogate_hpo.figures.naswot_ranking import naswot_ranking
from surrogate_hpo.figures.search_history import search_history, search_history_table

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


def test_a_cycle_is_refused():
    with pytest.raises(DataError, match="cycle"):
        dag(nodes=["a", "b"], edges=[("a", "b"), ("b", "a")])


def test_an_unknown_stage_is_refused():
    with pytest.raises(DataError, match=r"unknown stage(.|\n)*got: tarin"):
        dag(nodes=["train"], edges=[("train", "tarin")])


def test_a_stage_given_twice_is_refused():
    with pytest.raises(DataError, match="twice"):
        dag(nodes=["train", "train"], edges=[])


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
