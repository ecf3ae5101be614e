"""Search methods: each finds what it can find, none wins by accident, all repeat exactly."""

import itertools
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import get_args

import numpy as np
import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.search.methods.base import Budget, Evaluation
from surrogate_hpo.search.methods.direct import DirectSearch
from surrogate_hpo.search.methods.hyperband import Hyperband, bracket
from surrogate_hpo.search.methods.naswot_fixed import NaswotFixed
from surrogate_hpo.search.methods.naswot_pruner import NaswotPruner, pruning_threshold
from surrogate_hpo.search.methods.orthogonal_array import (
    OrthogonalArray,
    array_prime,
    bose_array,
    main_effects,
    orthogonal_array,
)
from surrogate_hpo.search.methods.particle_swarm import (
    POSITION,
    VELOCITY,
    Confidence,
    ParticleSwarmSampler,
    move,
)
from surrogate_hpo.search.methods.points import default_point, from_unit, levels
from surrogate_hpo.search.methods.registry import METHODS
from surrogate_hpo.search.methods.swarm_two_stage import SwarmTwoStage
from surrogate_hpo.search.options import ARCHITECTURE_KEYS, MethodName
from surrogate_hpo.search.space import Choices, Interval
from surrogate_hpo.seeds import derive_seed

ARCHITECTURES = {
    "layers": Choices((1, 2, 3)),
    "width": Choices((64, 128, 256, 512)),
    "activation": Choices(("relu", "tanh", "sigmoid")),
}
TRAINING = {
    "learning_rate": Interval(1e-5, 1e-1, logarithmic=True),
    "batch_size": Choices((500, 1000, 2000)),
}
SPACE = {**ARCHITECTURES, **TRAINING}
LISTED = {**SPACE, "learning_rate": Choices((1e-4, 3e-4, 1e-3, 3e-3, 1e-2))}
BEST = {"layers": 2, "width": 256, "activation": "tanh", "learning_rate": 3e-3, "batch_size": 1000}
BUDGET = Budget(trials=30, initialisations=2)
SCORED = ("naswot_pruner", "naswot_fixed", "naswot_optimised", "swarm_two_stage")
TRAINED = tuple(name for name in METHODS if name != "naswot_fixed")


def architecture_error(point):
    value = 0.3 * abs(point.get("layers", 2) - 2)
    value += 0.2 * abs(math.log2(point.get("width", 256) / 256))
    return value + {"relu": 0.1, "tanh": 0.0, "sigmoid": 0.4}[point.get("activation", "tanh")]


def error(point):
    """A sum over hyperparameters, zero at BEST."""
    value = architecture_error(point) + math.log10(point.get("learning_rate", 3e-3) / 3e-3) ** 2
    return value + 0.1 * abs(math.log2(point.get("batch_size", 1000) / 1000))


def evaluation(value, initialisations=1, fidelity=1.0):
    trainings = initialisations * fidelity
    return Evaluation(value, (value,) * initialisations, 3.0 * trainings, trainings)


def objective(point, *, initialisations, fidelity=1.0):
    """Short trainings are worse, but rank alike."""
    return evaluation(error(point) + 0.5 * (1 - fidelity), initialisations, fidelity)


def score(point):
    return Evaluation(architecture_error(point), (), 0.01, 0.0)


def space_of(name):
    return LISTED if name == "orthogonal_array" else SPACE


def run(name, function=objective, *, space=None, budget=BUDGET, seed=0, method=None, **more):
    more = {"training_free": score} | more
    method = method or METHODS[name]
    return method.run(function, space or space_of(name), budget=budget, seed=seed, **more)


def trained(result):
    return [trial for trial in result.trials if trial.kind == "training"]


# ---------------------------------------------------------------- what all methods share


def test_the_registry_has_every_method_under_its_name():
    assert set(METHODS) == set(get_args(MethodName))
    assert all(method.name == name for name, method in METHODS.items())
    assert len({method.label for method in METHODS.values()}) == len(METHODS)


def test_no_method_imports_torch():
    code = (
        "import sys, surrogate_hpo.search.methods.registry, surrogate_hpo.search.memo;"
        "import surrogate_hpo.io.evaluations; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", METHODS)
def test_same_seed_same_trials(name):
    assert run(name) == run(name)


@pytest.mark.parametrize("name", [n for n in METHODS if n not in ("direct", "naswot_fixed")])
def test_another_seed_other_trials(name):
    # The others do not draw anything here: they go through all of a short list.
    assert run(name).trials != run(name, seed=1).trials


@pytest.mark.parametrize("name", METHODS)
def test_trials_are_numbered_reported_within_budget_and_paid_for(name):
    seen = []
    result = run(name, on_trial=seen.append)
    assert tuple(seen) == result.trials
    assert [trial.number for trial in result.trials] == list(range(len(seen)))
    spent = math.fsum(trial.fidelity for trial in trained(result))
    assert spent <= BUDGET.trials + 1e-9
    distinct = {
        (t.kind, t.fidelity, *t.hyperparameters.values()): t.evaluation
        for t in reversed(result.trials)
    }
    # Each point is paid for once, however often it comes.
    costs = [3.0 * 2 * key[1] if key[0] == "training" else 0.01 for key in distinct]
    assert result.seconds == pytest.approx(math.fsum(costs))
    assert result.trainings == pytest.approx(2 * math.fsum(key[1] for key in distinct))


@pytest.mark.parametrize("name", METHODS)
def test_the_best_is_a_trial_and_keeps_the_order_of_the_space(name):
    result = run(name)
    assert list(result.best) == list(space_of(name))
    assert result.best in [trial.hyperparameters for trial in result.trials]
    assert result.reason


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("how", ["failed", "nan", "inf", "raises", "pruned"])
def test_failures_neither_win_nor_vanish(name, how):
    def fragile(point, *, initialisations, fidelity=1.0):
        good = objective(point, initialisations=initialisations, fidelity=fidelity)
        if point["batch_size"] != 1000:
            return good
        # The best batch size fails, with a value that would win.
        if how == "raises":
            raise PhysicsError("diverged")
        if how in ("nan", "inf"):
            return replace(good, value=math.nan if how == "nan" else -math.inf)
        return replace(good, value=-9.0, state=how, reason="diverged")

    result = run(name, fragile)
    assert result.best["batch_size"] != 1000
    bad = [t for t in trained(result) if t.hyperparameters["batch_size"] == 1000]
    assert bad
    for trial in bad:
        assert trial.evaluation.state == ("pruned" if how == "pruned" else "failed")
        assert ("finite" if how in ("nan", "inf") else "diverged") in trial.evaluation.reason
        assert not trial.evaluation.usable


@pytest.mark.parametrize("name", TRAINED)
def test_if_nothing_is_usable_the_reasons_are_told(name):
    def hopeless(point, *, initialisations, fidelity=1.0):
        raise PhysicsError("diverged at once")

    with pytest.raises(PhysicsError, match=r"(?s)No training.*trial \d+ failed: diverged at once"):
        run(name, hopeless)


@pytest.mark.parametrize("name", ["naswot_fixed", "naswot_optimised", "swarm_two_stage"])
def test_scores_that_fail_never_win_and_if_all_do_nothing_is_trained(name):
    def constant(point):
        if point["activation"] == "tanh":
            return Evaluation(-9.0, (), 0.01, 0.0, state="failed", reason="a constant row")
        return score(point)

    assert run(name, training_free=constant).best["activation"] == "relu"

    def never(point, *, initialisations, fidelity=1.0):
        raise AssertionError("nothing to train")

    def broken(point):
        return Evaluation(math.nan, (), 0.01, 0.0)

    with pytest.raises(PhysicsError, match=r"(?s)No score.*not finite"):
        run(name, never, training_free=broken)


@pytest.mark.parametrize("name", METHODS)
def test_a_programming_error_is_not_a_failed_trial(name):
    def broken(point, **_):
        return {}["missing"]

    with pytest.raises(KeyError, match="missing"):
        run(name, broken, training_free=broken)


def refused(name, message, *, space=None, budget=BUDGET, method=None, **more):
    """Nothing may run before the refusal."""

    def never(*_, **__):
        raise AssertionError("refused too late")

    with pytest.raises(ConfigError, match=message):
        run(name, never, space=space, budget=budget, method=method, **more)


@pytest.mark.parametrize("name", METHODS)
def test_spaces_and_budgets_that_make_no_sense(name):
    method = METHODS[name]
    with pytest.raises(ConfigError, match="search space is empty"):
        method.check({}, BUDGET)
    needed = method.minimum_trials(space_of(name))
    few, none = Budget(needed - 1, 1), Budget(needed, 0)
    refused(name, f"(?s)too small.*{needed} trials or more", budget=few)
    refused(name, "(?s)too small.*of 0 initialisations", budget=none)
    method.check(space_of(name), Budget(needed, 1))
    depth = {**space_of(name), "layers": Interval(1, 4)}
    refused(name, "(?s)(real number|continuous interval).*layers.*List", space=depth)
    odd = {**space_of(name), "weight_decay": Choices((0.1, math.nan))}
    refused(name, "(?s)not a finite number.*weight_decay", space=odd)


@pytest.mark.parametrize("name", SCORED)
def test_methods_that_score(name):
    refused(name, "(?s)needs a training-free score", training_free=None)
    refused(name, "(?s)nothing to search.*layers, width, activation", space=TRAINING)


@pytest.mark.parametrize("name", ["naswot_optimised", "swarm_two_stage"])
def test_reduced_methods_need_something_to_reduce_to(name):
    refused(name, "(?s)nothing to search.*hyperparameters of the training", space=ARCHITECTURES)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (OrthogonalArray(), "(?s)continuous interval.*learning_rate.*List a few values"),
        (OrthogonalArray(levels=1), "(?s)continuous interval.*1 levels"),
        (DirectSearch(levels=1), "(?s)two levels or more.*1"),
        (NaswotPruner(quantile=1.5), "(?s)pruner make no sense.*quantile 1.5"),
        (Hyperband(eta=1), "(?s)Hyperband make no sense.*eta 1"),
        (SwarmTwoStage(scores=3), "(?s)too small.*4 scores or more.*3"),
    ],
)
def test_settings_that_make_no_sense(method, message):
    refused(method.name, message, space=SPACE, method=method)


options = st.lists(st.integers(1, 512), min_size=1, max_size=4, unique=True)
intervals = st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.booleans()).filter(
    lambda bounds: bounds[0] < bounds[1]
)


@st.composite
def spaces(draw):
    space = {
        key: Choices(tuple(draw(options)))
        for key in draw(st.sets(st.sampled_from(ARCHITECTURE_KEYS), min_size=1))
    }
    for number in range(draw(st.integers(1, 3))):
        interval = draw(st.booleans())
        space[f"training_{number}"] = (
            Interval(*draw(intervals)) if interval else Choices(tuple(draw(options)))
        )
    return space


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(space=spaces(), seed=st.integers(0, 2**40))
def test_every_trial_lies_within_the_space(name, space, seed):
    method = OrthogonalArray(levels=3) if name == "orthogonal_array" else METHODS[name]

    def value(point, **_):
        number = math.fsum(float(v) for v in point.values())
        return evaluation(math.sin(number))

    budget = Budget(method.minimum_trials(space) + 3, 1)
    result = run(
        name, value, space=space, budget=budget, seed=seed, method=method, training_free=value
    )
    for trial in result.trials:
        assert list(trial.hyperparameters) == list(space)
        assert all(trial.hyperparameters[key] in space[key] for key in space)


# ---------------------------------------------------------------- points


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


# ---------------------------------------------------------------- direct search


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


# ---------------------------------------------------------------- random search and TPE


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


def mean_error(name, seeds=6, **more):
    return float(np.mean([error(run(name, seed=seed, **more).best) for seed in range(seeds)]))


def test_tpe_beats_random_search_at_the_same_budget():
    assert mean_error("tpe") < 0.6 * mean_error("random")


def test_tpe_starts_at_random_and_differs_by_trial():
    first = {tuple(t.hyperparameters.values()) for t in run("tpe").trials[:5]}
    assert len(first) == 5


# ---------------------------------------------------------------- pruner


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


# ---------------------------------------------------------------- orthogonal array


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


# ---------------------------------------------------------------- NASWOT


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


# ---------------------------------------------------------------- particle swarm


def test_a_move_against_a_hand_computation():
    confidence = Confidence(inertia=0.5, self_confidence=1.0, swarm_confidence=2.0)
    position, velocity = move(
        np.array([0.2, 0.9, 0.1]),
        np.array([0.1, 0.4, -0.4]),
        np.array([0.3, 0.9, 0.1]),
        np.array([0.6, 0.9, 0.1]),
        np.array([0.5, 0.7, 0.3]),
        np.array([0.25, 0.1, 0.9]),
        confidence,
    )
    # 0.5 0.1 + 1 0.5 (0.3 - 0.2) + 2 0.25 (0.6 - 0.2) = 0.3; the others run into the walls.
    assert position == pytest.approx([0.5, 1.0, 0.0])
    assert velocity == pytest.approx([0.3, 0.0, 0.0])


def test_the_sampler_reproduces_the_update_equations_step_by_step():
    space = {"x": Interval(-2.0, 2.0), "rate": Interval(1e-4, 1.0, logarithmic=True)}
    confidence = Confidence(0.6, 1.1, 1.7)
    sampler = ParticleSwarmSampler(space, particles=3, seed=5, confidence=confidence)
    study = optuna.create_study(sampler=sampler)
    distributions = {key: dimension.distribution() for key, dimension in space.items()}
    random, x, v, value = [], [], [], []
    for number in range(15):
        random.append(np.random.default_rng(derive_seed(5, number)).random((2, 2)))
        trial = study.ask(distributions)
        if number < 3:
            x.append(random[number][0])
            v.append((random[number][1] - random[number][0]) / 2)
        else:
            done = range(3 * (number // 3))
            own = x[min((n for n in done if n % 3 == number % 3), key=value.__getitem__)]
            swarm = x[min(done, key=value.__getitem__)]
            old, (r1, r2) = x[number - 3], random[number]
            step = 0.6 * v[number - 3] + 1.1 * r1 * (own - old) + 1.7 * r2 * (swarm - old)
            inside = (old + step >= 0) & (old + step <= 1)
            x.append(np.clip(old + step, 0, 1))
            v.append(np.where(inside, step, 0.0))
        attributes = study.trials[number].system_attrs
        assert attributes[POSITION] == pytest.approx(x[number].tolist(), abs=1e-14)
        assert attributes[VELOCITY] == pytest.approx(v[number].tolist(), abs=1e-14)
        assert trial.params["x"] == pytest.approx(4 * x[number][0] - 2)
        assert trial.params["rate"] == pytest.approx(1e-4 ** (1 - x[number][1]))
        value.append((trial.params["x"] - 0.5) ** 2 + math.log10(trial.params["rate"] / 0.01) ** 2)
        study.tell(trial, value[-1])


def test_the_swarm_contracts_onto_the_optimum():
    space = {"x": Interval(-2.0, 2.0), "y": Interval(-1.0, 3.0)}

    def bowl(point, **_):
        return evaluation((point["x"] - 0.7) ** 2 + (point["y"] - 0.2) ** 2)

    for seed in range(4):
        result = run("swarm", bowl, space=space, budget=Budget(225, 1), seed=seed)
        assert result.best["x"] == pytest.approx(0.7, abs=0.05)
        assert result.best["y"] == pytest.approx(0.2, abs=0.05)
        first, last = result.trials[:15], result.trials[-15:]
        spread = [np.std([t.hyperparameters["x"] for t in step]) for step in (first, last)]
        assert spread[1] < 0.6 * spread[0]


def test_the_swarm_finds_ordered_options_by_their_index():
    for seed in range(4):
        result = run("swarm", space=ARCHITECTURES, budget=Budget(100, 1), seed=seed)
        assert result.best == {key: BEST[key] for key in ARCHITECTURES}


def test_a_swarm_goes_on_in_a_study_of_a_sampler_before_it():
    space = {"x": Interval(0.0, 1.0)}

    def positions(renew):
        study = optuna.create_study()
        for number in range(12):
            if number == 0 or renew:
                study.sampler = ParticleSwarmSampler(space, particles=3, seed=1)
            trial = study.ask({"x": space["x"].distribution()})
            study.tell(trial, (trial.params["x"] - 0.3) ** 2)
        return [trial.params["x"] for trial in study.trials]

    assert positions(renew=True) == positions(renew=False)


def test_the_sampler_draws_unknown_parameters_at_random():
    study = optuna.create_study(
        sampler=ParticleSwarmSampler({"x": Interval(0.0, 1.0)}, particles=2, seed=1)
    )
    drawn = {study.ask().suggest_float("other", 5.0, 6.0) for _ in range(5)}
    assert len(drawn) == 5
    assert all(5.0 <= value <= 6.0 for value in drawn)


# ---------------------------------------------------------------- Hyperband


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
