"""Particle swarm: its update equations, and that it contracts onto an optimum."""

import math

import numpy as np
import optuna
import pytest
from analytic_search import ARCHITECTURES, BEST, evaluation, run

from surrogate_hpo.contest.methods.interface import Budget
from surrogate_hpo.contest.methods.particle_swarm import (
    POSITION,
    VELOCITY,
    Confidence,
    ParticleSwarmSampler,
    move,
)
from surrogate_hpo.search.space import Interval
from surrogate_hpo.seeds import derive_seed


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
        assert result.best["x"] == pytest.approx(0.7, abs=0.1)
        assert result.best["y"] == pytest.approx(0.2, abs=0.1)
        first, last = result.trials[:15], result.trials[-15:]
        spread = [np.std([t.hyperparameters["x"] for t in step]) for step in (first, last)]
        assert spread[1] < 0.6 * spread[0]


def test_the_swarm_finds_ordered_options_by_their_index():
    budget, optimum = Budget(100, 1), {key: BEST[key] for key in ARCHITECTURES}
    found = [run("swarm", space=ARCHITECTURES, budget=budget, seed=n).best for n in range(4)]
    # It contracts soon, once in a while one option beside the best.
    assert found.count(optimum) >= 3


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
