"""What all search methods share: nobody wins by accident, all repeat exactly."""

import math
import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest
from analytic_search import (
    ARCHITECTURES,
    BUDGET,
    SCORED,
    SPACE,
    TRAINED,
    TRAINING,
    evaluation,
    intervals,
    objective,
    refused,
    run,
    score,
    space_of,
    trained,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, PhysicsError
from surrogate_hpo.search.methods.base import Budget, Evaluation
from surrogate_hpo.search.methods.direct import DirectSearch
from surrogate_hpo.search.methods.hyperband import Hyperband
from surrogate_hpo.search.methods.naswot_pruner import NaswotPruner
from surrogate_hpo.search.methods.orthogonal_array import (
    OrthogonalArray,
)
from surrogate_hpo.search.methods.registry import METHODS
from surrogate_hpo.search.methods.swarm_two_stage import SwarmTwoStage
from surrogate_hpo.search.options import ARCHITECTURE_KEYS, MethodName
from surrogate_hpo.search.space import Choices, Interval


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
