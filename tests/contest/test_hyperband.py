"""Hyperband: brackets by the closed form, and who is promoted."""

import math
from dataclasses import replace

import pytest
from analytic_search import BUDGET, error, evaluation, run
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.methods.hyperband import bracket
from surrogate_hpo.contest.methods.interface import Budget


def test_brackets_of_algorithm_1_at_81_epochs():
    sizes = {
        s: [(rung.points, round(81 * rung.fidelity)) for rung in bracket(s, halvings=4, eta=3)]
        for s in range(5)
    }
    assert sizes == {
        4: [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        3: [(34, 3), (11, 9), (3, 27), (1, 81)],
        2: [(15, 9), (5, 27), (1, 81)],
        1: [(8, 27), (2, 81)],
        0: [(5, 81)],
    }


@given(st.integers(0, 5), st.integers(2, 5), st.data())
def test_a_bracket_follows_its_closed_form(halvings, eta, data):
    s = data.draw(st.integers(0, halvings))
    rungs = bracket(s, halvings=halvings, eta=eta)
    points = math.ceil((halvings + 1) * eta**s / (s + 1) - 1e-9)
    assert [rung.points for rung in rungs] == [points // eta**i for i in range(s + 1)]
    assert [rung.fidelity for rung in rungs] == pytest.approx(
        [eta ** (i - s) for i in range(s + 1)]
    )
    assert rungs[-1].fidelity == 1.0
    assert rungs[-1].points >= 1


def test_where_short_trainings_rank_alike_the_best_of_all_points_wins():
    result = run("hyperband")
    points = {tuple(t.hyperparameters.values()): t.hyperparameters for t in result.trials}
    assert error(result.best) == min(map(error, points.values()))
    # About twice as many points as full trainings.
    assert len(points) > 1.5 * BUDGET.trials
    assert {round(9 * t.fidelity, 9) for t in result.trials} == {1, 3, 9}


def test_failed_points_are_not_promoted():
    def fails_short(point, *, initialisations, fidelity=1.0):
        value = -1.0 if point["batch_size"] == 500 else error(point)
        state = "failed" if point["batch_size"] == 500 else "complete"
        return replace(evaluation(value), state=state, reason="diverged")

    result = run("hyperband", fails_short, budget=Budget(3, 1))
    promoted = [t for t in result.trials if t.fidelity > 0.2]
    assert any(t.evaluation.state == "failed" for t in result.trials)
    assert all(t.hyperparameters["batch_size"] != 500 for t in promoted)
