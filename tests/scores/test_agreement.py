"""Rank statistics against closed forms and scipy; intervals that cover; regrets by enumeration."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.scores.agreement import agreement, gain, verdict
from surrogate_hpo.scores.regret import top_regret

TIED = st.integers(0, 4).map(float)


@given(pairs=st.lists(st.tuples(TIED, TIED), min_size=5, max_size=20))
def test_tau_and_rho_are_scipys_ties_included(pairs):
    score, error = np.array(pairs).T
    found = agreement(score, error, seed=0, resamples=3)
    if len(set(score)) == 1 or len(set(error)) == 1:
        assert math.isnan(found.tau)
        assert math.isnan(found.rho)
        assert "are equal" in found.reason
    else:
        assert found.tau == pytest.approx(scipy.stats.kendalltau(score, error).statistic, abs=1e-12)
        assert found.rho == pytest.approx(scipy.stats.spearmanr(score, error).statistic, abs=1e-12)
        assert found.reason == ""


@given(seed=st.integers(0, 50), count=st.integers(5, 12))
def test_the_bootstrap_is_that_of_explicit_resamples(seed, count):
    """The same draws, each resample handed to scipy as a list with repetitions."""
    generator = np.random.default_rng(seed)
    score, error = generator.integers(0, 6, (2, count)).astype(float)
    if len(set(score)) == 1 or len(set(error)) == 1:
        return
    found = agreement(score, error, seed=seed, resamples=40)
    draws = np.random.default_rng(seed).integers(count, size=(40, count))
    kept = [d for d in draws if len(set(score[d])) > 1 and len(set(error[d])) > 1]
    tau = [scipy.stats.kendalltau(score[d], error[d]).statistic for d in kept]
    rho = [scipy.stats.spearmanr(score[d], error[d]).statistic for d in kept]
    np.testing.assert_allclose(
        [found.tau_low, found.tau_high, found.rho_low, found.rho_high],
        [*np.quantile(tau, [0.025, 0.975]), *np.quantile(rho, [0.025, 0.975])],
        atol=1e-12,
    )


@given(values=st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=5, unique=True))
def test_any_increasing_function_is_perfect_and_any_decreasing_one_perfectly_wrong(values):
    score = np.array(values)
    same, opposite = (agreement(score, error, seed=1, resamples=20) for error in (score**3, -score))
    assert (same.tau, same.rho) == (pytest.approx(1), pytest.approx(1))
    assert (opposite.tau, opposite.rho) == (pytest.approx(-1), pytest.approx(-1))
    assert same.tau_low == pytest.approx(1)
    assert opposite.tau_high == pytest.approx(-1)


def test_one_exchange_of_neighbours_costs_two_pairs():
    """τ = 1 − 4/(n(n − 1)) and ρ = 1 − 12/(n(n² − 1)) for one exchange of n = 6."""
    found = agreement([1, 2, 3, 4, 5, 6], [1, 2, 4, 3, 5, 6], seed=0)
    assert found.tau == pytest.approx(1 - 4 / 30)
    assert found.rho == pytest.approx(1 - 12 / 210)
    assert found.architectures == 6


def test_the_interval_covers_the_true_tau_about_as_often_as_it_says():
    """Of a bivariate normal distribution τ = 2 arcsin(r)/π (Esscher 1924)."""
    generator = np.random.default_rng(8)
    for correlation in (0.0, -0.6):
        truth = 2 / math.pi * math.asin(correlation)
        covered = 0
        for number in range(300):
            x, noise = generator.normal(size=(2, 60))
            y = correlation * x + math.sqrt(1 - correlation**2) * noise
            found = agreement(x, y, seed=number, resamples=300)
            covered += found.tau_low <= truth <= found.tau_high
        assert 0.90 <= covered / 300 <= 0.985, correlation


def test_chance_is_called_chance_and_a_relation_gets_its_direction():
    generator = np.random.default_rng(2)
    error = generator.lognormal(size=60)
    noise = verdict(agreement(generator.normal(size=60), error, seed=0), "maximise")
    assert noise.words == "not distinguishable from chance on this data"
    assert (noise.direction, noise.agrees_with_publication) == (None, None)
    helpful = error * generator.lognormal(0, 0.5, 60)
    low = verdict(agreement(helpful, error, seed=0), "maximise")
    assert low.words == "informative, lower is better"
    assert (low.direction, low.agrees_with_publication) == ("minimise", False)
    high = verdict(agreement(-helpful, error, seed=0), "maximise")
    assert high.words == "informative, higher is better"
    assert (high.direction, high.agrees_with_publication) == ("maximise", True)


def test_a_constant_score_is_no_better_than_chance():
    found = agreement(np.full(9, 3.0), np.arange(9.0), seed=0)
    assert found.reason == "all scores are equal, so there is no order to compare"
    assert verdict(found, "minimise").direction is None


def test_a_diverged_training_ranks_as_the_worst():
    score, error = np.arange(8.0), np.arange(1.0, 9.0)
    worst = np.where(error == 8, np.inf, error)
    assert agreement(score, worst, seed=0) == agreement(score, error, seed=0)
    best_diverged = np.where(error == 1, np.inf, error)
    assert agreement(score, best_diverged, seed=0).tau < 1


def test_the_gain_over_a_control_is_paired():
    generator = np.random.default_rng(5)
    error = generator.lognormal(size=60)
    control = -error * generator.lognormal(0, 1, 60)
    assert gain(control, control, error, seed=0) == (0, 0, 0)
    assert gain(-control, control, error, seed=0) == (0, 0, 0), "the direction does not matter"
    value, low, high = gain(error, control, error, seed=0)
    assert value == pytest.approx(1 - abs(scipy.stats.kendalltau(control, error).statistic))
    assert 0 < low < value < high
    one = agreement(control, error, seed=0)
    assert (1 - low, 1 - high) == pytest.approx((-one.tau_low, -one.tau_high))


def test_same_seed_same_interval():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert agreement(x, y, seed=3) == agreement(x, y, seed=3)
    assert agreement(x, y, seed=3) != agreement(x, y, seed=4)


@given(
    st.lists(st.tuples(TIED, st.integers(1, 9).map(float)), min_size=2, max_size=6),
    st.sampled_from(["maximise", "minimise"]),
    st.integers(1, 3),
)
def test_regret_is_the_mean_over_all_orders_that_the_score_allows(pairs, direction, k):
    score, error = np.array(pairs).T
    k = min(k, len(score))
    sign = -1 if direction == "maximise" else 1
    orders = [
        order
        for order in itertools.permutations(range(len(score)))
        if all(sign * score[a] <= sign * score[b] for a, b in itertools.pairwise(order))
    ]
    picked = np.mean([error[list(order[:k])].min() for order in orders])
    drawn = np.mean([error[list(c)].min() for c in itertools.combinations(range(len(score)), k)])
    found = top_regret(score, error, direction=direction, k=k)
    assert found.picked == pytest.approx(picked / error.min() - 1)
    assert found.random == pytest.approx(drawn / error.min() - 1)


def test_a_rejected_score_is_picked_last_and_divergence_counts_as_the_worst():
    found = top_regret([np.nan, 1.0, 2.0], [1.0, 3.0, np.inf], direction="minimise")
    assert found.picked == pytest.approx(2)
    assert found.random == pytest.approx((1 + 3 + 3) / 3 - 1)
    assert top_regret([1, 2, 3], [1, 2, np.inf], direction="maximise").picked == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: agreement([1, 2, 3, 4], [1, 2, 3, 4], seed=0), DataError, r"at least 5(.|\n)*4"),
        (lambda: agreement([1] * 6, [1] * 5, seed=0), DataError, r"do not pair up"),
        (lambda: agreement([1, 2, 3, 4, np.nan], range(5), seed=0), DataError, "1 scores that"),
        (lambda: agreement(range(5), [1, 2, 3, 4, np.nan], seed=0), DataError, "1 errors that"),
        (lambda: agreement(range(5), range(5), seed=0, level=95), ConfigError, "level = 95"),
        (lambda: agreement(range(5), range(5), seed=0, resamples=0), ConfigError, "resamples = 0"),
        (lambda: top_regret([1, 2], [1, 2], direction="minimise", k=3), ConfigError, "the 2 arch"),
        (lambda: top_regret([1, 2], [0, 2], direction="minimise"), DataError, "above zero"),
        (lambda: top_regret([1], [np.inf], direction="minimise"), DataError, "0 finite errors"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
