"""Orthogonal arrays: columns are orthogonal, effects of a sum are exact."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from analytic_search import BEST, SPACE, evaluation, run
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.orthogonal_array import (
    OrthogonalArray,
    array_prime,
    bose_array,
    main_effects,
    orthogonal_array,
)
from surrogate_hpo.search.space import Choices


@pytest.mark.parametrize("prime", [2, 3, 5, 7, 11])
def test_every_pair_of_levels_is_equally_often_in_any_two_columns(prime):
    design = bose_array(prime, prime + 1, seed=3)
    assert design.shape == (prime**2, prime + 1)
    for one, other in itertools.combinations(design.T, 2):
        pairs = Counter(zip(one.tolist(), other.tolist(), strict=True))
        assert pairs == dict.fromkeys(itertools.product(range(prime), repeat=2), 1)


@given(st.lists(st.integers(2, 6), min_size=1, max_size=8), st.integers(0, 99))
def test_collapsed_columns_are_independent(counts, seed):
    factors = {f"x{i}": tuple(range(count)) for i, count in enumerate(counts)}
    design = orthogonal_array(factors, seed=seed)
    runs = len(design)
    assert all(set(column) == set(range(c)) for column, c in zip(design.T, counts, strict=True))
    for (i, one), (j, other) in itertools.combinations(enumerate(design.T), 2):
        for a, b in itertools.product(range(counts[i]), range(counts[j])):
            together = np.sum((one == a) & (other == b))
            assert runs * together == np.sum(one == a) * np.sum(other == b)


@pytest.mark.parametrize(
    ("counts", "prime"), [([2], 2), ([2, 2, 2], 2), ([2] * 4, 3), ([4], 5), ([3] * 7, 7)]
)
def test_the_smallest_prime_with_levels_and_columns_enough(counts, prime):
    assert array_prime({str(i): range(count) for i, count in enumerate(counts)}) == prime


def test_main_effects_of_a_sum_are_exact():
    factors = {"a": (0, 1, 2), "b": (0, 1, 2), "c": (0, 1)}
    design = orthogonal_array(factors, seed=0)
    effects = [np.array([0.0, 5.0, 1.0]), np.array([2.0, 0.0, 7.0]), np.array([3.0, 4.0])]
    values = sum(effect[column] for effect, column in zip(effects, design.T, strict=True))
    for effect, means in zip(effects, main_effects(design, values), strict=True):
        assert np.subtract(means, means[0]) == pytest.approx(effect - effect[0])


def test_failed_runs_are_left_out_of_the_means():
    design = np.array([[0], [0], [1], [1], [2]])
    means = main_effects(design, [1.0, math.nan, 4.0, 2.0, math.nan])
    assert means == [[1.0, 3.0, math.inf]]


def test_the_array_finds_the_optimum_of_a_sum_and_ranks_the_effects():
    result = run("orthogonal_array", budget=Budget(26, 1))
    assert result.best == BEST
    assert len(result.trials) == 26
    assert "effects: learning_rate 2.18, " in result.reason


def test_intervals_can_be_cut_into_levels_on_request():
    result = run("orthogonal_array", space=SPACE, method=OrthogonalArray(levels=5))
    assert result.best == {**BEST, "learning_rate": 1e-3}


def test_hyperparameters_that_interact_are_reported_and_the_best_run_is_taken():
    space = {"a": Choices((0, 1)), "b": Choices((0, 1))}
    table = {(0, 0): 0.0, (0, 1): 5.0, (1, 0): 2.0, (1, 1): 1.0}
    result = run("orthogonal_array", lambda p, **_: evaluation(table[p["a"], p["b"]]), space=space)
    assert result.best == {"a": 0, "b": 0}
    assert "interact" in result.reason
    # The combination of the best levels was trained before: a fifth trial at no cost.
    assert result.trials[4].hyperparameters == {"a": 1, "b": 0}
    assert result.trainings == 4
