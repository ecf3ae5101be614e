"""Points, direct search, random search and TPE."""

import math
from collections import Counter

import pytest
from analytic_search import (
    BEST,
    LISTED,
    SPACE,
    TRAINING,
    error,
    evaluation,
    intervals,
    mean_error,
    run,
)
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.methods.direct import DirectSearch
from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.points import default_point, levels
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.search.unit_cube import from_unit


@given(intervals, st.floats(0, 1))
def test_the_unit_maps_into_the_interval(bounds, unit):
    interval = Interval(*bounds)
    assert from_unit(interval, unit) in interval
    assert from_unit(interval, 0.0) == pytest.approx(interval.low)
    assert from_unit(interval, 1.0) == pytest.approx(interval.high)


def test_options_have_equal_shares_of_the_unit():
    thirds = Choices(("a", "b", "c"))
    drawn = Counter(from_unit(thirds, (i + 0.5) / 300) for i in range(300))
    assert drawn == {"a": 100, "b": 100, "c": 100}
    assert from_unit(thirds, 1.0) == "c"


def test_defaults_and_levels():
    assert default_point(SPACE) == {
        "layers": 1, "width": 64, "activation": "relu", "learning_rate": 1e-3, "batch_size": 500,
    }  # fmt: skip
    assert levels(TRAINING["learning_rate"], 5) == (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
    assert levels(Interval(0.0, 1.0), 3) == (0.0, 0.5, 1.0)


def test_direct_finds_the_optimum_of_a_sum_in_one_sweep():
    needed = DirectSearch().minimum_trials(LISTED)
    assert needed == 1 + 2 + 3 + 2 + 4 + 2
    result = run("direct", space=LISTED, budget=Budget(needed, 1))
    assert result.best == BEST
    assert len(result.trials) == needed
    assert "budget is used up" in result.reason


def test_direct_settles_where_no_single_change_helps():
    result = run("direct", space=LISTED, budget=Budget(1000, 1))
    assert "no single change helps" in result.reason
    known = {tuple(t.hyperparameters.values()) for t in result.trials}
    assert len(known) == len(result.trials)
    for key, choices in LISTED.items():
        for option in choices.options:
            assert error(result.best) <= error({**result.best, key: option})


def test_direct_misses_an_optimum_that_needs_two_changes():
    both = {"a": Choices((0, 1)), "b": Choices((0, 1))}
    table = {(0, 0): 1.0, (0, 1): 2.0, (1, 0): 2.0, (1, 1): 0.0}
    result = run("direct", lambda p, **_: evaluation(table[p["a"], p["b"]]), space=both)
    assert result.best == {"a": 0, "b": 0}


def test_direct_goes_on_where_a_whole_line_fails():
    def only_small(point, **_):
        if point["rate"] > 2e-5:
            raise PhysicsError("diverged")
        return evaluation(abs(point["width"] - 256))

    space = {"width": Choices((64, 256)), "rate": TRAINING["learning_rate"]}
    assert run("direct", only_small, space=space).best == {"width": 256, "rate": 1e-5}


def test_random_search_comes_close_in_one_dimension():
    space = {"learning_rate": TRAINING["learning_rate"]}
    for seed in range(5):
        # The chance of no point within half a decade is 0.75 ** 60 = 3e-8.
        best = run("random", space=space, budget=Budget(60, 1), seed=seed).best
        assert abs(math.log10(best["learning_rate"] / 3e-3)) < 0.5


def test_random_search_covers_the_logarithmic_scale_evenly():
    trials = run("random", budget=Budget(400, 1)).trials
    decades = Counter(int(math.log10(t.hyperparameters["learning_rate"]) + 6) for t in trials)
    assert all(abs(decades[decade] - 100) < 40 for decade in range(1, 5))


def test_tpe_beats_random_search_at_the_same_budget():
    assert mean_error("tpe") < 0.6 * mean_error("random")


def test_tpe_starts_at_random_and_differs_by_trial():
    first = {tuple(t.hyperparameters.values()) for t in run("tpe").trials[:5]}
    assert len(first) == 5
