"""What tables of other materials tell a search: combined scores, first points, learning rates."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from surrogate_hpo.contest.methods.filtered_halving import FilteredHalving
from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.random_search import RandomSearch
from surrogate_hpo.contest.methods.tpe import Tpe, TpeDefault
from surrogate_hpo.contest.replay import replay
from surrogate_hpo.contest.table_answers import TableObjective
from surrogate_hpo.contest.transfer.combined_score import (
    CombinedTableScore,
    combined_values,
    fit_weights,
    unit_ranks,
)
from surrogate_hpo.contest.transfer.predicted_error import (
    PredictedHalving,
    fit_predicted_error,
)
from surrogate_hpo.contest.transfer.rate_rule import (
    RateRule,
    WithRateRule,
    exponent_intervals,
    fit_rate_rule,
)
from surrogate_hpo.contest.transfer.warm_start import WarmStart, best_points
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.search.trained_table import Configuration, TrainedRow, TrainedTable
from surrogate_hpo.search.unit_cube import spread_points

SPACE = {
    "layers": Choices((1, 2, 3)),
    "width": Choices((16, 64, 256)),
    "activation": Choices(("relu", "tanh")),
    "learning_rate": Interval(3e-4, 3e-2, logarithmic=True),
    "batch_size": Choices((500, 1000)),
}
EPOCHS = (1, 3, 9)
BUDGET = Budget(30, 1)
EXPONENT = -0.5


def best_rate(point):
    return 3e-3 * (point["width"] / 64) ** EXPONENT * (point["batch_size"] / 500) ** 0.25


def table_of(seed, count=120, exponent_of_size=1.0):
    """Wider is better, and tanh; the best rate is a power of width and batch size."""
    rng = np.random.default_rng(seed)
    found = []
    for point in spread_points(SPACE, count, seed=seed):
        size = math.log2(point["width"]) / 8 + point["layers"] / 6
        off = math.log(point["learning_rate"] / best_rate(point))
        loss = math.exp(0.4 * off**2 - exponent_of_size * size + (point["activation"] == "relu"))
        energies = tuple(5 * loss * 3**n for n in (2, 1, 0))
        scores = {
            "size": size + 0.3 * rng.normal(),
            "wrong_way": -size + 0.3 * rng.normal(),
            "noise": rng.normal(),
        }
        row = TrainedRow(tuple(loss * 3**n for n in (2, 1, 0)), (1.0, 3.0, 9.0), energies)
        found.append(Configuration(point, (row,), scores, dict.fromkeys(scores, 0.1)))
    return TrainedTable(SPACE, EPOCHS, tuple(found))


@pytest.fixture(scope="module")
def tables() -> list[TrainedTable]:
    return [table_of(seed) for seed in (1, 2, 3)]


# --- scores ---


def test_ranks_lie_between_zero_and_one_and_rejected_scores_have_none():
    found = unit_ranks([3.0, math.nan, 1.0, math.inf, 3.0])
    assert found == pytest.approx([0.5, math.nan, 0.0, 1.0, 0.5], nan_ok=True)


def test_combined_scores_rank_another_material_better_than_each_alone():
    tables = [table_of(seed, exponent_of_size=5.0) for seed in (1, 2, 3)]
    names = ["size", "wrong_way", "noise"]
    weights = fit_weights(tables[1:], names)
    assert sum(map(abs, weights.values())) == pytest.approx(1.0)
    # Higher values of one go with lower losses, of the other with higher ones.
    assert weights["size"] < 0 < weights["wrong_way"]
    assert abs(weights.get("noise", 0.0)) < min(abs(weights["size"]), abs(weights["wrong_way"]))
    losses = tables[0].losses

    def tau(values):
        return abs(kendalltau(values, losses).statistic)

    alone = [tau([one.scores[n] for one in tables[0].configurations]) for n in names]
    assert tau(combined_values(tables[0], weights)) > max(alone)


def test_a_combined_score_costs_all_of_its_scores_and_is_rejected_with_one_of_them(tables):
    first = tables[0].configurations[0]
    rejected = replace(first, scores=dict(first.scores) | {"size": math.nan})
    table = replace(tables[0], configurations=(rejected, *tables[0].configurations[1:]))
    score = CombinedTableScore(table, {"size": -0.5, "wrong_way": 0.5})
    found = score(first.hyperparameters)
    assert (found.state, found.seconds) == ("failed", pytest.approx(0.2))
    others = [score(one.hyperparameters) for one in table.configurations]
    assert any(one.usable for one in others)
    method = FilteredHalving()
    assert replay(method, TableObjective(table), budget=BUDGET, seed=0, score=score).configurations


def test_scores_that_rank_nothing_are_refused(tables):
    same = tuple(replace(one, scores={"size": 1.0}) for one in tables[0].configurations)
    with pytest.raises(DataError, match=r"ranks the configurations(.|\n)*size(.|\n)*in 1 tables"):
        fit_weights([replace(tables[0], configurations=same)], ["size"])


# --- first points ---


def test_the_best_of_each_table_come_first_in_turn(tables):
    found = best_points(tables, SPACE, 5)
    assert len(found) == 5
    best = [min(one.configurations, key=lambda c: c.loss).hyperparameters for one in tables]
    assert found[:3] == best


def test_points_of_other_tables_are_fitted_into_the_space(tables):
    space = {
        "width": Choices((16, 64)),
        "learning_rate": Interval(2e-3, 4e-3, logarithmic=True),
        "weight_decay": Choices((0.3, 0.0)),
    }
    for point in best_points(tables, space, 10):
        assert list(point) == list(space)
        assert all(value in space[key] for key, value in point.items())
        assert point["weight_decay"] == 0.3
    with pytest.raises(DataError, match=r"fits in the space(.|\n)*width(.|\n)*360 config"):
        best_points(tables, {"width": Choices((48,))}, 3)


@pytest.mark.parametrize("base", [RandomSearch(), Tpe(), TpeDefault()], ids=lambda b: b.name)
def test_a_warm_search_trains_the_given_points_first_at_its_own_expense(tables, base):
    first = best_points(tables[1:], SPACE, 4)
    asked = []
    method = WarmStart(base, first)
    found = method.run(
        TableObjective(tables[0]), SPACE, budget=BUDGET, seed=1, on_trial=asked.append
    )
    assert [trial.hyperparameters for trial in asked[:4]] == first
    assert len(found.trials) == BUDGET.trials
    best = min(trial.evaluation.value for trial in asked)
    assert TableObjective(tables[0])(found.best, initialisations=1).value == best
    with pytest.raises(ConfigError, match="budget is too small"):
        method.check(SPACE, Budget(4, 1))


def test_a_study_learns_from_its_first_points(tables):
    first = best_points(tables[1:], SPACE, 10)

    def own(method, table):
        found = method.run(TableObjective(table), SPACE, budget=Budget(30, 1), seed=3)
        return found.trials[len(first) if isinstance(method, WarmStart) else 0].hyperparameters

    # Ten values are known when its first trial is drawn, so that they decide it.
    warm, other = WarmStart(TpeDefault(), first), table_of(5, exponent_of_size=-2.0)
    assert own(warm, tables[0]) != own(warm, other)
    assert own(TpeDefault(), tables[0]) == own(TpeDefault(), other)


# --- learning rates ---


def test_the_rule_finds_the_exponents_that_the_tables_were_made_with(tables):
    rule = fit_rate_rule(tables)
    assert rule.exponents["width"] == pytest.approx(EXPONENT, abs=0.02)
    assert rule.exponents["batch_size"] == pytest.approx(0.25, abs=0.02)
    assert rule.exponents["layers"] == pytest.approx(0.0, abs=0.02)
    point = {"layers": 2, "width": 256, "batch_size": 1000}
    assert rule.rate(point) == pytest.approx(best_rate(point), rel=0.05)
    low, high = exponent_intervals(tables, seed=1, resamples=20)["width"]
    assert low <= rule.exponents["width"] <= high


def test_diverged_configurations_do_not_bend_the_rule(tables):
    def diverging(one):
        row = one.rows[0]
        high = one.hyperparameters["learning_rate"] > 0.015
        losses = (*row.losses[:2], math.inf) if high else row.losses
        return replace(one, rows=(replace(row, losses=losses),))

    broken = replace(tables[0], configurations=tuple(map(diverging, tables[0].configurations)))
    assert math.inf in broken.losses
    assert fit_rate_rule([broken]).exponents["width"] == pytest.approx(EXPONENT, abs=0.02)


def test_a_rule_needs_a_best_rate_and_its_hyperparameters(tables):
    falling = tuple(
        replace(one, rows=(replace(one.rows[0], losses=(1.0, 1.0, 1 / one.loss)),))
        for one in tables[0].configurations
    )
    with pytest.raises(DataError, match=r"no best learning rate(.|\n)*wider interval"):
        fit_rate_rule([replace(tables[0], configurations=falling)])
    fewer = {key: one for key, one in SPACE.items() if key != "batch_size"}
    with pytest.raises(DataError, match=r"cannot be fitted(.|\n)*got: no batch_size"):
        fit_rate_rule([replace(tables[0], space=fewer)])


def test_a_search_with_the_rule_asks_only_for_its_rates(tables):
    rule = RateRule(0.02, {"width": -0.5})
    method = WithRateRule(RandomSearch(), rule)
    asked = []
    found = method.run(
        TableObjective(tables[0]), SPACE, budget=BUDGET, seed=0, on_trial=asked.append
    )
    for point in [found.best, *(trial.hyperparameters for trial in asked)]:
        assert list(point) == list(SPACE)
        rate = min(max(0.02 * point["width"] ** -0.5, 3e-4), 3e-2)
        assert point["learning_rate"] == pytest.approx(rate)
    listed = SPACE | {"learning_rate": Choices((1e-3, 1e-2))}
    with pytest.raises(ConfigError, match=r"any learning rate(.|\n)*an interval"):
        method.check(listed, BUDGET)


def test_the_right_rule_saves_trials(tables):
    method, answers = RandomSearch(), TableObjective(tables[0])
    ruled = WithRateRule(method, fit_rate_rule(tables[1:]))

    def mean_loss(one):
        found = [replay(one, answers, budget=Budget(10, 1), seed=s) for s in range(20)]
        return np.mean([math.log(tables[0].losses[f.configurations[-1]]) for f in found])

    assert mean_loss(ruled) < mean_loss(method)


# --- predicted errors ---


def test_errors_of_another_material_are_predicted_where_the_two_agree(tables):
    predict = fit_predicted_error(tables[1:])
    points = [one.hyperparameters for one in tables[0].configurations]
    assert kendalltau(predict(points), tables[0].losses).statistic > 0.8


def test_a_prediction_leads_to_better_networks_at_once(tables):
    predict = fit_predicted_error(tables[1:])
    method = PredictedHalving(predict=predict, halvings=0, surplus=50)
    objective = TableObjective(tables[0])
    budget = Budget(3, 1)
    losses = tables[0].losses

    def found(method):
        ends = [replay(method, objective, budget=budget, seed=n) for n in range(10)]
        return np.median([losses[one.configurations[-1]] for one in ends])

    assert found(method) < 0.7 * found(RandomSearch())


@pytest.mark.parametrize("halvings", [0, 2])
def test_predicted_searches_are_reproducible_and_score_nothing(tables, halvings):
    predict = fit_predicted_error(tables[1:])
    method = PredictedHalving(predict=predict, halvings=halvings)
    runs = [replay(method, TableObjective(tables[0]), budget=BUDGET, seed=7) for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0].configurations


def test_tables_of_other_spaces_predict_nothing(tables):
    other = replace(tables[1], space=SPACE | {"layers": Choices((1, 2, 3, 4))})
    with pytest.raises(DataError, match=r"same space(.|\n)*2 tables, of different spaces"):
        fit_predicted_error([tables[0], other])
    with pytest.raises(DataError, match="0 tables"):
        fit_predicted_error([])
