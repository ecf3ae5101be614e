"""Replays on a table of trained networks: an analytic one, so that a real run can be compared."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from analytic_search import ARCHITECTURES, architecture_error, error

from surrogate_hpo.contest.methods.filtered_halving import FilteredHalving
from surrogate_hpo.contest.methods.interface import Budget, Evaluation
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.contest.nearest import NearestConfiguration
from surrogate_hpo.contest.regret import median_estimate, regret_at, saving, seconds_to
from surrogate_hpo.contest.replay import Replay, replay
from surrogate_hpo.contest.table_answers import TableObjective, TableScore, errors_of
from surrogate_hpo.contest.transfer.warm_start import WarmStart, best_points
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.search.trained_table import Configuration, TrainedRow, TrainedTable

DISCRETE = {
    **ARCHITECTURES,
    "learning_rate": Choices((1e-4, 1e-3, 3e-3)),
    "batch_size": Choices((500, 1000, 2000)),
}
EPOCHS = (1, 3, 9)
BUDGET = Budget(trials=30, initialisations=2)
# An orthogonal array of one level per hyperparameter that the space has fits in no other budget.
COMPARED = [name for name in METHODS if name not in ("orthogonal_array",)]


def trained(point, seed):
    """As `objective` of the analytic search, but seeds differ, and so do costs."""
    losses = tuple(1 + error(point) + 0.5 * (1 - e / 9) + 0.01 * seed for e in EPOCHS)
    energies = (math.nan, *(5 + 10 * abs(loss - 1.2) for loss in losses[1:]))
    return TrainedRow(losses, tuple(e * 0.001 * point["width"] for e in EPOCHS), energies)


def configuration(point, seeds=2):
    scores = {"good": -architecture_error(point), "rejecting": math.nan}
    rows = tuple(trained(point, seed) for seed in range(seeds))
    return Configuration(point, rows, scores, dict.fromkeys(scores, 0.01))


def table_of(points, space=DISCRETE):
    return TrainedTable(space, EPOCHS, tuple(configuration(point) for point in points))


@pytest.fixture(scope="module")
def table() -> TrainedTable:
    options = [dimension.options for dimension in DISCRETE.values()]
    return table_of([dict(zip(DISCRETE, values, strict=True)) for values in product(*options)])


def real(point, *, initialisations, fidelity=1.0):
    rows = [trained(point, seed) for seed in range(initialisations)]
    length = EPOCHS.index(round(9 * fidelity))
    losses = tuple(row.losses[length] for row in rows)
    seconds = sum(row.seconds[length] for row in rows)
    return Evaluation(float(np.mean(losses)), losses, seconds, initialisations * fidelity)


def real_score(point):
    return Evaluation(architecture_error(point), (), 0.01, 0.0)


@pytest.mark.parametrize("name", COMPARED)
def test_a_replay_is_the_real_run_where_every_point_is_in_the_table(table, name):
    method = METHODS[name]
    for seed in (0, 4):
        asked = []
        found = method.run(
            real, DISCRETE, budget=BUDGET, seed=seed, training_free=real_score,
            on_trial=asked.append,
        )  # fmt: skip
        again = replay(
            method, TableObjective(table), budget=BUDGET, seed=seed,
            score=TableScore(table, "good", "maximise"),
        )  # fmt: skip
        whole = any(t.hyperparameters == found.best and t.fidelity == 1 for t in asked)
        final = 0.0 if whole else real(found.best, initialisations=2).seconds
        assert again.total_seconds == pytest.approx(found.seconds + final)
        assert whole or name == "naswot_fixed"
        best = table.configurations[again.configurations[-1]]
        assert best.hyperparameters == found.best
        assert list(again.seconds) == sorted(again.seconds)


def test_so_is_a_replay_that_begins_with_points_of_another_table(table):
    other = table_of([one.hyperparameters for one in table.configurations[::7]])
    method = WarmStart(FilteredHalving(), best_points([other], DISCRETE, 3))
    found = method.run(real, DISCRETE, budget=BUDGET, seed=4, training_free=real_score)
    again = replay(
        method, TableObjective(table), budget=BUDGET, seed=4,
        score=TableScore(table, "good", "maximise"),
    )  # fmt: skip
    assert again.total_seconds == pytest.approx(found.seconds)
    assert table.configurations[again.configurations[-1]].hyperparameters == found.best


def test_a_replay_follows_from_its_seed(table):
    answers = TableObjective(table)
    for name in ("random", "tpe_parallel", "hyperband"):
        first, same, other = (
            replay(METHODS[name], answers, budget=BUDGET, seed=seed) for seed in (3, 3, 4)
        )
        assert first == same != other
        assert first == replay(METHODS[name], TableObjective(table), budget=BUDGET, seed=3)


def test_the_first_seed_of_the_table_follows_from_that_of_the_replay(table):
    point = table.configurations[0].hyperparameters
    values = [
        TableObjective(table).starting_at(seed)(point, initialisations=1).value - 1 - error(point)
        for seed in (0, 1)
    ]
    assert values == pytest.approx([0.0, 0.01])
    with pytest.raises(ConfigError, match=r"trained so often(.|\n)*at most 2 init(.|\n)*got: 3"):
        TableObjective(table)(point, initialisations=3)


def test_searches_may_see_the_free_energy_where_it_was_measured(table):
    answers = TableObjective(table, "total_free_energy")
    one = table.configurations[7]

    def seen(fidelity):
        return answers(one.hyperparameters, initialisations=2, fidelity=fidelity).value

    assert seen(1.0) == pytest.approx(one.free_energy)
    assert seen(1 / 3) == pytest.approx(np.mean([row.free_energies[1] for row in one.rows]))
    # Nowhere in the table is there an energy after the shortest training: the loss ranks these.
    assert seen(1 / 9) == pytest.approx(np.mean([row.losses[0] for row in one.rows]))
    found = replay(METHODS["hyperband"], answers, budget=Budget(30, 2), seed=0)
    errors = errors_of(table, "total_free_energy")
    assert regret_at(found, errors, [found.total_seconds])[0] < 0.1


def test_a_training_without_an_energy_is_a_failed_evaluation(table):
    rows = [list(one.rows) for one in table.configurations[:3]]
    rows[0][1] = replace(rows[0][1], free_energies=(math.nan, math.nan, math.nan))
    rows[1][0] = replace(rows[1][0], losses=(1.0, 1.0, math.inf))
    some = zip(table.configurations, rows, strict=False)
    broken = TrainedTable(DISCRETE, EPOCHS, tuple(replace(c, rows=tuple(r)) for c, r in some))
    answers = TableObjective(broken, "total_free_energy")
    found = [answers(c.hyperparameters, initialisations=2) for c in broken.configurations]
    assert [one.state for one in found] == ["failed", "failed", "complete"]
    assert "no such error" in found[0].reason
    assert "diverged" in found[1].reason
    assert found[0].seconds > 0


def test_a_table_without_energies_cannot_be_searched_by_them(table):
    rows = tuple(
        replace(row, free_energies=(math.nan,) * 3) for row in table.configurations[0].rows
    )
    bare = TrainedTable(DISCRETE, EPOCHS, (replace(table.configurations[0], rows=rows),))
    with pytest.raises(DataError, match=r"with the free energy(.|\n)*table.energies: true"):
        TableObjective(bare, "total_free_energy")


def test_wall_time_counts_the_workers_that_wait(table):
    answers = TableObjective(table)
    four = {
        name: replay(METHODS[name], answers, budget=BUDGET, seed=2, workers=4)
        for name in ("random", "tpe_default", "tpe_parallel")
    }
    for one in four.values():
        assert one.total_seconds / 4 <= one.total_wall_seconds < one.total_seconds
        assert len(one.wall_seconds) == len(one.seconds)
        assert list(one.wall_seconds) == sorted(one.wall_seconds)
    # Two initialisations of one trial keep two of four workers busy.
    share = {name: one.total_seconds / one.total_wall_seconds for name, one in four.items()}
    assert share["tpe_default"] < share["tpe_parallel"] < share["random"]
    alone = replay(METHODS["random"], answers, budget=BUDGET, seed=2, workers=1)
    assert alone.wall_seconds[-1] == pytest.approx(alone.total_seconds)


def test_points_between_are_answered_by_the_nearest_configuration():
    space = {
        "layers": Choices((1, 2, 3)),
        "activation": Choices(("relu", "tanh", "sigmoid")),
        "learning_rate": Interval(1e-4, 1e-2, logarithmic=True),
    }
    points = [
        {"layers": 1, "activation": "relu", "learning_rate": 1e-4},
        {"layers": 3, "activation": "relu", "learning_rate": 1e-3},
        {"layers": 3, "activation": "sigmoid", "learning_rate": 1e-2},
    ]
    nearest = NearestConfiguration(space, points)
    assert [nearest(point) for point in points] == [0, 1, 2]
    # Half of the logarithmic interval is as far as one of two steps of the layers.
    assert nearest({"layers": 1, "activation": "relu", "learning_rate": 3e-4}) == 0
    assert nearest({"layers": 3, "activation": "relu", "learning_rate": 9e-3}) == 1
    # Another activation is as far as another one: sigmoid is not nearer to tanh than relu is.
    assert nearest({"layers": 3, "activation": "tanh", "learning_rate": 9e-3}) == 2
    assert nearest({"layers": 3, "activation": "tanh", "learning_rate": 1.1e-3}) == 1
    by_layers = NearestConfiguration(space, points, ["layers"])
    assert by_layers({"layers": 2, "activation": "tanh", "learning_rate": 1e-2}) == 0


def test_continuous_methods_are_snapped_and_charged_for_every_training():
    space = DISCRETE | {"learning_rate": Interval(1e-4, 1e-2, logarithmic=True)}
    rng = np.random.default_rng(0)
    drawn = [
        {key: one.options[rng.integers(len(one.options))] for key, one in DISCRETE.items()}
        for _ in range(12)
    ]
    snapped = table_of(drawn, space)
    found = replay(METHODS["tpe"], TableObjective(snapped), budget=BUDGET, seed=0)
    cheapest = 2 * min(one.rows[0].seconds[-1] for one in snapped.configurations)
    assert found.total_seconds >= 30 * cheapest
    assert set(found.configurations) <= set(range(12))


def test_failed_rows_never_win(table):
    """The best configuration and all of its neighbours have diverged in one seed of two."""
    good = sorted(range(len(table.configurations)), key=lambda n: table.losses[n])[:50]
    rows = [list(one.rows) for one in table.configurations]
    for number in good:
        rows[number][1] = replace(rows[number][1], losses=(0.0, 0.0, math.inf))
    broken = TrainedTable(
        table.space,
        EPOCHS,
        tuple(replace(c, rows=tuple(r)) for c, r in zip(table.configurations, rows, strict=True)),
    )
    assert (
        min(broken.losses)
        == table.losses[sorted(range(len(table.configurations)), key=lambda n: table.losses[n])[50]]
    )
    for name in ("random", "tpe", "hyperband", "swarm"):
        found = replay(METHODS[name], TableObjective(broken), budget=BUDGET, seed=1)
        assert found.configurations[-1] not in good
        assert regret_at(found, broken.losses, [found.total_seconds])[0] < math.inf


def test_a_table_in_which_nothing_converged_is_refused(table):
    one = table.configurations[0]
    row = replace(one.rows[0], losses=(1.0, 1.0, math.inf))
    with pytest.raises(DataError, match=r"has converged(.|\n)*lower table.learning_rate"):
        TrainedTable(DISCRETE, EPOCHS, (replace(one, rows=(row,)),))


def test_a_search_without_a_usable_trial_recommends_nothing(table):
    found = replay(
        METHODS["naswot_fixed"], TableObjective(table), budget=BUDGET, seed=0,
        score=TableScore(table, "rejecting", "maximise"),
    )  # fmt: skip
    assert found.configurations == ()
    assert "usable" in found.failure
    assert seconds_to(found, table.losses, 0.05) == math.inf


def test_the_filter_spends_next_to_nothing_and_finds_better_networks(table):
    def mean_loss(name):
        score = TableScore(table, name, "maximise") if name else None
        method = FilteredHalving() if name else METHODS["hyperband"]
        answers = TableObjective(table)
        found = [
            replay(method, answers, budget=Budget(9, 2), seed=s, score=score) for s in range(20)
        ]
        return np.mean([table.losses[one.configurations[-1]] for one in found])

    assert mean_loss("good") < mean_loss(None)


# --- regret ---

ERRORS = [4.0, 2.2, 2.0, math.inf]
SEARCH = Replay((1.0, 3.0, 5.0), (0, 1, 2), 9.0)


def test_regret_is_that_of_the_configuration_recommended_by_then():
    found = regret_at(SEARCH, ERRORS, [0.5, 1.0, 2.9, 3.0, 100.0])
    assert found == pytest.approx([math.inf, 1.0, 1.0, 0.1, 0.0])
    diverged = replace(SEARCH, configurations=(3, 1, 2))
    assert regret_at(diverged, ERRORS, [2.0])[0] == math.inf
    with pytest.raises(DataError, match=r"positive error(.|\n)*1 that are not above zero"):
        regret_at(SEARCH, [4.0, 0.0, 2.0], [1.0])


def test_seconds_to_a_regret_are_those_after_which_it_stays():
    assert seconds_to(SEARCH, ERRORS, 0.11) == 3.0
    assert seconds_to(SEARCH, ERRORS, 0.05) == 5.0
    assert seconds_to(SEARCH, ERRORS, 2.0) == 1.0
    left_again = replace(SEARCH, configurations=(2, 0, 2))
    assert seconds_to(left_again, ERRORS, 0.05) == 5.0
    assert seconds_to(replace(SEARCH, configurations=(2, 1, 0)), ERRORS, 0.05) == math.inf


def test_savings_are_ratios_of_medians_with_intervals():
    rng = np.random.default_rng(0)
    slow, fast = rng.lognormal(3, 0.3, 150), rng.lognormal(1, 0.3, 150)
    found = saving(slow, fast, seed=1)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(math.e**2, rel=0.15)
    assert found == saving(slow, fast, seed=1)
    never = np.full(150, math.inf)
    assert saving(never, fast, seed=1).value == math.inf
    assert saving(slow, never, seed=1).value == 0
    assert math.isnan(saving(never, never, seed=1).value)
    middle = median_estimate(slow, seed=2)
    assert middle.low < middle.value < middle.high
