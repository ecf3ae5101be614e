"""Evaluations outlive the process that made them; a search goes on from them unchanged."""

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from analytic_search import SCORED, evaluation, objective, score, space_of
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.memo import Memoised, MemoisedScore, canonical_key
from surrogate_hpo.contest.methods.interface import Budget, Evaluation
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo

BUDGET = Budget(trials=26, initialisations=2)

# A search in a process of its own that kills itself in the middle of an evaluation.
SCRIPT = """
import os, pathlib, signal, sys
sys.path[:0] = [sys.argv[4], os.path.dirname(sys.argv[4])]
from test_memo import BUDGET, fragile
from analytic_search import score, space_of
from surrogate_hpo.files.evaluations import EvaluationStore
from surrogate_hpo.files.memo import Memo
from surrogate_hpo.contest.memo import Memoised, MemoisedScore
from surrogate_hpo.contest.methods.interface import Evaluation
from surrogate_hpo.contest.methods.registry import METHODS
path, name, kill_at = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
calls = 0
def killed(point, **settings):
    global calls
    calls += 1
    if calls == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    return fragile(point, **settings)
store = Memo(Evaluation, EvaluationStore(path))
METHODS[name].run(Memoised(killed, store.remember), space_of(name), budget=BUDGET, seed=4,
                  training_free=MemoisedScore(score, store.remember))
"""


class Killed(BaseException):
    """What no search may catch."""


def fragile(point, *, initialisations, fidelity=1.0):
    """Fails in every way now and then."""
    if point["batch_size"] == 500 and point["layers"] == 1:
        raise PhysicsError("diverged")
    value = math.nan if point["layers"] == 3 and point["batch_size"] == 2000 else None
    good = objective(point, initialisations=initialisations, fidelity=fidelity)
    return good if value is None else evaluation(value, initialisations, fidelity)


def counted(function, calls, kill_at=None):
    def call(point, **settings):
        if len(calls) + 1 == kill_at:
            raise Killed
        calls.append((tuple(point.items()), tuple(settings.items())))
        return function(point, **settings)

    return call


def run(name, store, calls=None, kill_at=None):
    calls = [] if calls is None else calls
    remember = Memo(Evaluation, store).remember
    return METHODS[name].run(
        Memoised(counted(fragile, calls, kill_at), remember),
        space_of(name),
        budget=BUDGET,
        seed=4,
        training_free=MemoisedScore(score, remember),
    )


def comparable(result):
    """Measured CPU seconds of a failure differ; all else is the same."""
    return [
        (t.number, t.kind, t.hyperparameters, t.fidelity, repr(t.evaluation.value),
         t.evaluation.state, t.evaluation.reason, t.evaluation.trainings)
        for t in result.trials
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in METHODS if name != "naswot_fixed"])
def test_a_killed_search_makes_the_same_trials_and_repeats_no_training(name):
    undisturbed = run(name, {})
    store, calls = {}, []
    for kill_at in (1, 4, 9):
        with pytest.raises(Killed):
            run(name, store, calls, kill_at)
    resumed = run(name, store, calls)
    assert comparable(resumed) == comparable(undisturbed)
    assert resumed.best == undisturbed.best
    assert len(set(calls)) == len(calls)
    again = []
    assert repr(run(name, store, again)) == repr(resumed)  # costs included; NaN is not equal
    assert again == []


@pytest.mark.parametrize("name", ["tpe", "hyperband", "naswot_pruner"])
def test_sigkill_and_resume_equals_an_undisturbed_run(tmp_path, name):
    path = tmp_path / "state" / "evaluations"
    script = tmp_path / "search.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(path), name, "8", str(Path(__file__).parent)]
    killed = subprocess.run(command, env=os.environ.copy(), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    finished = sum("initialisations" in key for key in EvaluationStore(path))
    (path / ".partial-0").write_bytes(b'{"key": "torn')
    calls, undisturbed_calls = [], []
    resumed = run(name, EvaluationStore(path), calls)
    assert comparable(resumed) == comparable(run(name, {}, undisturbed_calls))
    assert finished == 7
    assert len(calls) == len(undisturbed_calls) - finished


@pytest.mark.parametrize("name", SCORED)
def test_scores_are_remembered_too(name):
    remember, scored = Memo(Evaluation, {}).remember, []

    def once(point):
        scored.append(tuple(point.items()))
        return score(point)

    for _ in range(2):
        METHODS[name].run(
            Memoised(objective, remember),
            space_of(name),
            budget=BUDGET,
            seed=1,
            training_free=MemoisedScore(once, remember),
        )
    assert len(set(scored)) == len(scored) > 0


def test_failures_are_remembered_with_what_they_cost():
    calls = []

    def diverges(point, *, initialisations, fidelity=1.0):
        calls.append(point)
        raise PhysicsError("diverged")

    memo = Memoised(diverges, Memo(Evaluation, {}).remember)
    first = memo({"x": 1}, initialisations=3, fidelity=0.5)
    second = memo({"x": 1}, initialisations=3, fidelity=0.5)
    assert len(calls) == 1
    assert (second.state, second.reason, second.trainings) == ("failed", "diverged", 1.5)
    assert second.seconds == first.seconds


def test_keys_know_types_and_settings_but_no_order():
    point = {"a": 1, "b": "x"}
    key = canonical_key(point, initialisations=2, fidelity=1)
    assert key == canonical_key({"b": "x", "a": 1}, initialisations=2, fidelity=1.0)
    others = [
        canonical_key({**point, "a": other}, initialisations=2, fidelity=1) for other in (1.0, True)
    ]
    others += [
        canonical_key(point, initialisations=3, fidelity=1),
        canonical_key(point, initialisations=2, fidelity=0.5),
    ]
    assert len({key, *others}) == 5


numbers = st.floats(allow_nan=True, allow_infinity=True)


@given(numbers, st.lists(numbers), numbers, numbers, st.text())
def test_what_is_remembered_survives_json_to_the_last_bit(
    value, values, seconds, trainings, reason
):
    made, store = Evaluation(value, tuple(values), seconds, trainings, "failed", reason), {}
    assert repr(Memo(Evaluation, store).remember("a", lambda: made)) == repr(made)
    again = Memo(Evaluation, json.loads(json.dumps(store)))
    assert repr(again.recall("a")) == repr(made)


@pytest.mark.parametrize(
    "record", [{}, {"value": 1.0}, {**asdict(evaluation(1.0)), "state": "won"}, ["value"]]
)
def test_a_record_of_something_else_is_refused(record):
    memo = Memo(Evaluation, {"a": record})
    with pytest.raises(DataError, match=r"(?s)cannot be read.*where: a.*Delete what holds it"):
        memo.remember("a", lambda: evaluation(1.0))
    with pytest.raises(DataError, match=r"(?s)cannot be read.*where: b.*got: nothing"):
        memo.recall("b")
