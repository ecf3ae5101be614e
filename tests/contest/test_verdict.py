"""Who wins on tables: chosen on one half of the replays, judged on the other."""

import math

import numpy as np
import pytest
from test_transfer_between_tables import table_of

from surrogate_hpo.contest.contenders import Arena
from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.regret import mean_saving, on_wall
from surrogate_hpo.contest.replay import Replay
from surrogate_hpo.contest.table_answers import errors_of
from surrogate_hpo.contest.table_numbers import best_of, method_numbers, rate_numbers, taus
from surrogate_hpo.contest.verdict import overall_winner, winner

ERRORS = [1.0, 1.02, 3.0]
KEYS = {"reference": "slow", "control": "control", "target": 0.05}


def search(seconds, configuration=0, total=100.0):
    """A bad network at first, then one found after some seconds; on the wall in half the time."""
    times = (1.0, float(seconds))
    walls = tuple(one / 2 for one in times)
    return Replay(times, (2, configuration), total, "", walls, total / 2)


def runs(**seconds):
    return {label: [search(one) for one in found] for label, found in seconds.items()}


def test_the_first_half_chooses_and_the_second_judges():
    found = winner(
        # What is lucky at first needs as long as the reference afterwards.
        runs(slow=[40] * 20, control=[60] * 20, lucky=[5] * 10 + [40] * 10, fast=[10] * 20),
        ERRORS,
        **KEYS,
    )
    assert found.method == "lucky"
    assert found.saving.value == pytest.approx(1.0)
    assert found.wall_saving.value == pytest.approx(1.0)
    assert not found.is_lower_bound
    assert found.beats_control
    assert 0 < found.control_share < 1


def test_a_reference_that_never_gets_there_gives_a_lower_bound():
    all_runs = runs(control=[60] * 20, fast=[10] * 20)
    all_runs["slow"] = [search(40, configuration=2)] * 20
    found = winner(all_runs, ERRORS, **KEYS)
    assert (found.method, found.is_lower_bound) == ("fast", True)
    assert found.saving.value == pytest.approx(10.0)


def test_nobody_wins_where_nobody_gets_there():
    nobody = {name: [search(40, configuration=2)] * 4 for name in ("slow", "control")}
    found = winner(nobody, ERRORS, **KEYS)
    assert found.method is None
    assert math.isnan(found.saving.value)
    overall = overall_winner([(nobody, ERRORS)] * 2, **KEYS)
    assert (overall.method, overall.safest, overall.beats_control) == (None, None, False)


def test_the_overall_winner_has_the_largest_geometric_mean_and_the_safest_the_best_worst_case():
    one = runs(slow=[40] * 8, control=[40] * 8, steady=[20] * 8, uneven=[2] * 8)
    two = runs(slow=[40] * 8, control=[40] * 8, steady=[20] * 8, uneven=[50] * 8, more=[1] * 8)
    found = overall_winner([(one, ERRORS), (two, ERRORS)], **KEYS)
    assert (found.method, found.safest) == ("uneven", "steady")
    assert found.saving.value == pytest.approx(math.sqrt(20 * 0.8))
    assert found.worst_saving == pytest.approx(0.8)
    assert not found.beats_control


def test_mean_savings_are_geometric_means_with_intervals():
    rng = np.random.default_rng(0)
    slow, fast = (rng.lognormal(mean, 0.2, 60).tolist() for mean in (3, 1))
    found = mean_saving([slow, slow], [fast, slow], seed=1)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(math.e, rel=0.1)
    assert mean_saving([slow], [[math.inf] * 60], seed=1).value == 0


# --- all of it on small tables ---


@pytest.fixture(scope="module")
def tables():
    def named(table):
        for one in table.configurations:
            one.scores["readout"] = one.scores.pop("wrong_way")
            one.scores["naswot"] = one.scores.pop("noise")
            one.score_seconds.update(readout=0.1, naswot=0.1)
        return table

    return [named(table_of(seed, count=60)) for seed in (1, 2)]


@pytest.mark.parametrize("error", ["validation_loss", "total_free_energy"])
def test_contenders_learn_from_the_other_tables_only(tables, error):
    alone, arena = Arena(tables[0], error=error), Arena(tables[0], tables[1:], error)
    more = set(arena.contenders) - set(alone.contenders)
    assert not any(
        ":" in label and label.startswith(("warm", "rate")) for label in alone.contenders
    )
    assert {"warm:random", "rate_rule:random", "filtered_halving:combined"} <= more
    budget = Budget(12, 1)
    fitting = arena.fits(budget)
    assert "orthogonal_array" in arena.refused
    cheap = ["random", "filtered_halving:readout", "warm:random", "rate_rule:random"]
    found = {label: [arena.replay(label, budget, seed) for seed in range(6)] for label in cheap}
    assert set(cheap) <= set(fitting)
    errors = errors_of(tables[0], error)
    numbers = method_numbers(found["random"], errors, [30.0, 100.0], 0.5)
    assert len(numbers["regret"]) == 2
    assert numbers["anytime_regret"] == sorted(numbers["anytime_regret"], reverse=True)
    judged = winner(found, errors, reference="random", control="random", target=2.0)
    assert judged.method in cheap
    assert on_wall(found["random"][0]).total_seconds < found["random"][0].total_seconds


def test_scores_and_rates_are_summarised(tables):
    found = taus(tables[0], tables[1:], "validation_loss")
    assert found["combined"]["weights"]
    named = best_of(found)
    assert named["best_score"] in found
    assert abs(named["tau_of_best_score"]) >= abs(named["tau_of_paper"])
    rule = rate_numbers(tables, "validation_loss")["exponents"]["width"]
    assert rule["low"] <= rule["value"] <= rule["high"]
