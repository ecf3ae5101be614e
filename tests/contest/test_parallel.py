"""The model of wall time: which trials of a search wait for which."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.contest.methods.interface import Budget, Evaluation
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.contest.parallel import batches, wall_seconds
from surrogate_hpo.search.space import Choices, Interval

SPACE = {
    "layers": Choices((1, 2, 3)),
    "width": Choices((32, 64, 128)),
    "activation": Choices(("tanh", "relu")),
    "learning_rate": Interval(1e-3, 1e-1, logarithmic=True),
    "batch_size": Choices((500, 1000)),
}
STARTUP = 5
tasks = st.lists(
    st.tuples(st.integers(0, 3), st.floats(0.1, 100), st.integers(1, 4)), min_size=1, max_size=20
).map(sorted)


def value_of(point: dict) -> float:
    return (
        abs(point["layers"] - 2)
        + abs(math.log(point["width"] / 64))
        + (math.log10(point["learning_rate"]) + 2) ** 2
        + (point["activation"] == "relu")
        + point["batch_size"] / 1000
    )


def run(name: str, changed: frozenset = frozenset()):
    """Run a method on a simple valley; some points may have another value."""

    def evaluate(point, factor):
        key = tuple(sorted(point.items()))
        value = value_of(point)
        return Evaluation(50 - value if key in changed else value, (value,), 1.0, factor)

    method = METHODS[name]
    if name == "orthogonal_array":
        method = type(method)(levels=3)
    return method.run(
        lambda point, *, fidelity=1.0, **_: evaluate(point, fidelity),
        SPACE,
        budget=Budget(trials=30, initialisations=1),
        seed=3,
        training_free=lambda point: evaluate(point, 0.0),
    ).trials


@pytest.mark.parametrize("name", METHODS)
def test_the_points_of_a_batch_are_known_before_any_of_their_values(name):
    """Whatever the values of a batch turn out to be, its own points stay the same."""
    trials = run(name)
    numbers = batches(name, trials, startup_trials=STARTUP)
    assert len(numbers) == len(trials)
    assert all(b - a in (0, 1) for a, b in itertools.pairwise(numbers))
    for batch in sorted(set(numbers))[:12]:
        end = len(numbers) - numbers[::-1].index(batch)
        seen = {tuple(sorted(t.hyperparameters.items())) for t in trials[: numbers.index(batch)]}
        now = {
            tuple(sorted(t.hyperparameters.items()))
            for t in trials[numbers.index(batch) : end]
        }  # fmt: skip
        other = run(name, frozenset(now - seen))
        points = [[t.hyperparameters for t in found[:end]] for found in (trials, other)]
        assert points[0] == points[1], f"{name}: batch {batch} depends on its own values"


def test_batches_of_each_method_are_as_large_as_they_should_be():
    sizes = {}
    for name in METHODS:
        numbers = batches(name, run(name), startup_trials=STARTUP)
        sizes[name] = [numbers.count(n) for n in sorted(set(numbers))]
    assert sizes["random"] == [30]
    assert sizes["tpe"] == [5] + [1] * 25
    assert sizes["naswot_fixed"] == [18]
    assert sizes["naswot_optimised"] == [18, 5] + [1] * 25
    assert sizes["orthogonal_array"] == [25, 1]
    assert sizes["swarm"] == [5] * 6
    assert sizes["swarm_two_stage"] == [10] * 10 + [5] * 6
    assert sizes["hyperband"][:2] == [9, 3]
    assert set(sizes["naswot_pruner"]) == {1}
    assert max(sizes["direct"]) > 1


@given(tasks)
def test_one_worker_takes_the_sum_and_many_take_the_longest_chain(rows):
    batch, seconds, parts = zip(*rows, strict=True)
    alone = wall_seconds(batch, seconds, parts, workers=1)
    assert alone == pytest.approx(sum(seconds))
    longest = sum(max(s / p for b, s, p in rows if b == number) for number in sorted(set(batch)))
    assert wall_seconds(batch, seconds, parts, workers=1000) == pytest.approx(longest)
    for workers in (2, 3):
        found = wall_seconds(batch, seconds, parts, workers=workers)
        assert longest - 1e-9 <= found <= alone + 1e-9
        assert found >= alone / workers - 1e-9


def test_two_workers_share_three_trainings():
    assert wall_seconds([0, 0, 0, 1], [2, 2, 2, 4], [1, 1, 1, 2], workers=2) == 4 + 2
