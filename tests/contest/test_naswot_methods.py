"""Methods that score architectures without training: the pruner adapts, the rest find both."""

import itertools
import math

import numpy as np
import pytest
from analytic_search import (
    ARCHITECTURES,
    BEST,
    BUDGET,
    SPACE,
    architecture_error,
    error,
    run,
    trained,
)

from surrogate_hpo.contest.methods.interface import Budget, Evaluation
from surrogate_hpo.contest.methods.naswot_fixed import NaswotFixed
from surrogate_hpo.contest.methods.naswot_pruner import pruning_threshold
from surrogate_hpo.contest.methods.points import default_point


def test_threshold_is_the_quantile_of_the_better_half():
    scores, values = [1.0, 2.0, 3.0, 9.0, 8.0], [0.1, 0.2, 0.3, 0.4, 0.5]
    assert pruning_threshold(scores, values, quantile=1.0) == 3.0
    assert pruning_threshold(scores, values, quantile=0.5) == 2.0
    assert pruning_threshold(scores, values[::-1], quantile=0.0) == 3.0


def thresholds(result):
    words = [t.evaluation.reason.split() for t in result.trials if t.evaluation.state == "pruned"]
    return [float(reason[-1]) for reason in words]


def test_the_threshold_adapts_to_the_trials():
    found = thresholds(run("naswot_pruner", budget=Budget(40, 1)))
    assert len(set(found)) > 2
    # An informative score tightens it: the better half gets better.
    assert found[-1] < found[0]


def test_pruned_candidates_cost_a_score_and_no_trial():
    result = run("naswot_pruner")
    pruned = [t for t in result.trials if t.evaluation.state == "pruned"]
    assert len(trained(result)) == BUDGET.trials
    assert pruned
    assert all(t.kind == "score" and t.evaluation.trainings == 0 for t in pruned)
    assert all("above the threshold" in t.evaluation.reason for t in pruned)
    # Nothing is pruned before there is something to estimate the threshold from.
    assert all(t.evaluation.state == "complete" for t in result.trials[:10])


def test_an_informative_score_keeps_bad_networks_from_being_trained():
    def trained_badly(name, seed):
        points = [t.hyperparameters for t in trained(run(name, seed=seed))]
        return np.mean([architecture_error(point) for point in points[5:]])

    pruner = np.mean([trained_badly("naswot_pruner", seed) for seed in range(6)])
    assert pruner < np.mean([trained_badly("tpe", seed) for seed in range(6)])


def test_a_score_that_rejects_everything_cannot_stop_the_search():
    count = itertools.count()

    def ever_worse(point):
        return Evaluation(float(next(count)), (), 0.01, 0.0)

    few = Budget(12, 1)
    result = run("naswot_pruner", training_free=ever_worse, budget=few)
    assert len(trained(result)) == 12
    # The first five pass; of the others each is the eleventh candidate.
    assert sum(t.kind == "score" for t in result.trials) == 5 + 7 * 11

    def broken(point):
        return Evaluation(math.nan, (), 0.01, 0.0)

    assert len(trained(run("naswot_pruner", training_free=broken, budget=few))) == 12


def test_naswot_fixed_finds_the_lowest_score_and_trains_nothing():
    result = run("naswot_fixed")
    assert len(result.trials) == 3 * 4 * 3
    assert result.trainings == 0
    assert result.best == {**default_point(SPACE), "layers": 2, "width": 256, "activation": "tanh"}


def test_large_spaces_are_sampled_without_repetition():
    result = run("naswot_fixed", method=NaswotFixed(scores=20))
    drawn = {tuple(t.hyperparameters.values()) for t in result.trials}
    assert len(drawn) == len(result.trials) == 20
    assert "20 of 36" in result.reason


@pytest.mark.parametrize("name", ["naswot_optimised", "swarm_two_stage"])
def test_two_stages_find_network_and_training(name):
    for seed in range(4):
        result = run(name, seed=seed)
        assert {key: result.best[key] for key in ARCHITECTURES} == {
            key: BEST[key] for key in ARCHITECTURES
        }
        assert error(result.best) < 0.05
        kinds = [trial.kind for trial in result.trials]
        assert kinds == sorted(kinds)  # all scores, then all trainings
        assert len(trained(result)) == BUDGET.trials
