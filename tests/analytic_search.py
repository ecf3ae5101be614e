"""An error that is a sum over hyperparameters, and how the tests run a method on it."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from surrogate_hpo.contest.methods.interface import Budget, Evaluation
from surrogate_hpo.contest.methods.registry import METHODS
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.search.space import Choices, Interval

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
SCORED = (
    "naswot_pruner", "naswot_fixed", "naswot_optimised", "swarm_two_stage", "filtered_halving",
)  # fmt: skip
TRAINED = tuple(name for name in METHODS if name != "naswot_fixed")

intervals = st.tuples(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.booleans()).filter(
    lambda bounds: bounds[0] < bounds[1]
)


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


def mean_error(name, seeds=6, **more):
    return float(np.mean([error(run(name, seed=seed, **more).best) for seed in range(seeds)]))


def refused(name, message, *, space=None, budget=BUDGET, method=None, **more):
    """Nothing may run before the refusal."""

    def never(*_, **__):
        raise AssertionError("refused too late")

    with pytest.raises(ConfigError, match=message):
        run(name, never, space=space, budget=budget, method=method, **more)
