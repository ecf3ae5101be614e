"""Scores of architectures behind one interface: closed forms, seeds, failures."""

import itertools
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import ACTIVATIONS, Architecture, build_network
from surrogate_hpo.networks.scaling import fit_input_scaler
from surrogate_hpo.scores.architectures.activation_patterns import ActivationPatterns
from surrogate_hpo.scores.architectures.batched_networks import initialisation_seeds, shuffled_rows
from surrogate_hpo.scores.architectures.gradient_statistics import GradientStatistics
from surrogate_hpo.scores.architectures.naswot import draw_minibatch
from surrogate_hpo.scores.architectures.options import ProxyName
from surrogate_hpo.scores.architectures.proxies import PROXIES
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import best_architecture, rank
from surrogate_hpo.scores.architectures.readout import Readout
from surrogate_hpo.scores.architectures.short_training import ShortTraining

COMPONENTS, ENERGIES = 12, 7
ARCHITECTURE = Architecture((24, 16), "tanh")
TRAINED = ("zico", "readout", "short_training")  # these look at the LDOS
pytestmark = pytest.mark.filterwarnings("error")


def made_up_data(points=600, seed=0):
    """A smooth function of few directions, so that there is something to learn."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(points, COMPONENTS, generator=generator)
    directions = torch.randn(COMPONENTS, ENERGIES, generator=generator) / COMPONENTS**0.5
    targets = torch.sin(inputs @ directions)
    third = points // 3
    minibatch = draw_minibatch(inputs, batch_size=10, seed=seed)
    return ScoreData(inputs[third:], targets[third:], inputs[:third], targets[:third], minibatch)


DATA = made_up_data()


def score(name, architecture=ARCHITECTURE, data=DATA, *, seed=0, initialisations=3):
    return PROXIES[name](architecture, data, seed=seed, initialisations=initialisations)


def readout_error(network, training, ridge):
    """Held-out error of a network whose last layer is fitted to the training points."""
    scaler = fit_input_scaler(training[0], "whitened", eigenvalue_floor=3e-4)
    with torch.no_grad():
        features, held_out = (
            network[:-1](scaler.transform(inputs)) for inputs in (training[0], DATA.held_out_inputs)
        )
    centred = (features - features.mean(0)).double().numpy()
    strength = math.sqrt(ridge * (centred**2).sum() / centred.shape[1])
    middle = training[1].double().mean(0).numpy()
    # Ridge regression as least squares with rows of its own, not by the normal equations.
    rows = np.vstack([centred, strength * np.eye(centred.shape[1])])
    wanted = np.vstack([training[1].numpy() - middle, np.zeros((centred.shape[1], ENERGIES))])
    weights = np.linalg.lstsq(rows, wanted)[0]
    predicted = (held_out - features.mean(0)).double().numpy() @ weights + middle
    return ((predicted - DATA.held_out_targets.numpy()) ** 2).mean()


def test_every_name_has_a_score_with_its_own_label():
    assert tuple(PROXIES) == get_args(ProxyName)
    assert all(proxy.name == name for name, proxy in PROXIES.items())
    assert len({proxy.label for proxy in PROXIES.values()}) == len(PROXIES)


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_score_is_finite_seeded_and_timed(name, activation):
    architecture = Architecture((24, 16), activation)
    first, again = score(name, architecture), score(name, architecture)
    assert first == again
    assert first.accepted
    assert first.proxy == name
    assert first.seconds >= 0
    assert first.parameters == architecture.parameter_count(COMPONENTS, ENERGIES)
    if name != "parameters":
        assert len(set(first.values)) == len(first.values) == 3
        assert first.score != score(name, architecture, seed=1).score
    if name != "naswot":
        assert first.score == first.mean


@pytest.mark.parametrize("name", ["naswot", "naswot_original", "activation_patterns"])
def test_more_initialisations_leave_the_first_ones_as_they_are(name):
    few, many = score(name, initialisations=2), score(name, initialisations=4)
    assert many.values[:2] == pytest.approx(few.values, rel=1e-9)


@pytest.mark.parametrize("name", TRAINED)
def test_initialisations_are_independent(name):
    """Batched with others or alone: the value of an initialisation is its own."""
    alone, together = score(name, initialisations=1), score(name, initialisations=5)
    assert together.values[0] == pytest.approx(alone.values[0], rel=1e-3)


def test_the_original_naswot_is_the_negative_sum():
    paper, original = score("naswot"), score("naswot_original")
    assert original.values == tuple(-value for value in paper.values)
    assert original.score == -paper.mean


def test_activation_patterns_of_known_codes():
    """Two points and the units that tell them apart give a 2×2 kernel."""
    data = replace(DATA, minibatch=DATA.minibatch[:2])
    proxy = ActivationPatterns()
    found = proxy(ARCHITECTURE, data, seed=4, initialisations=2)
    for value, seed in zip(found.values, initialisation_seeds(4, 2), strict=True):
        network = build_network(ARCHITECTURE, inputs=COMPONENTS, outputs=ENERGIES, seed=seed)
        network.double()
        first = network[0](data.minibatch)
        codes = torch.cat([first, network[2](network[1](first))], dim=1) > 0
        units, distance = codes.shape[1], int((codes[0] != codes[1]).sum())
        eigenvalues = (2 - distance / units, distance / units)
        expected = sum(math.log(units * (value + proxy.k)) for value in eigenvalues)
        assert value == pytest.approx(expected, rel=1e-12)


def test_activation_patterns_of_equal_points():
    data = replace(DATA, minibatch=DATA.minibatch[:1].expand(5, -1))
    found = ActivationPatterns(k=1e-4)(ARCHITECTURE, data, seed=0, initialisations=1)
    units = 24 + 16
    expected = math.log(units * (5 + 1e-4)) + 4 * math.log(units * 1e-4)
    assert found.score == pytest.approx(expected, rel=1e-9)


def test_gradient_statistics_agree_with_modules_one_by_one():
    proxy = GradientStatistics(minibatches=3, points=40)
    found = proxy(ARCHITECTURE, DATA, seed=2, initialisations=2)
    batches = shuffled_rows(len(DATA.inputs), 120, seed=2).tensor_split(3)
    for value, seed in zip(found.values, initialisation_seeds(2, 2), strict=True):
        network = build_network(ARCHITECTURE, inputs=COMPONENTS, outputs=ENERGIES, seed=seed)
        expected = 0.0
        for layer in (0, 2, 4):
            gradients = []
            for batch in batches:
                loss = (network(DATA.inputs[batch]) - DATA.targets[batch]).square().mean()
                (gradient,) = torch.autograd.grad(loss, network[layer].weight)
                gradients.append(gradient.abs())
            stacked = torch.stack(gradients)
            ratio = stacked.mean(0) / stacked.std(0, correction=0)
            expected += math.log(float(ratio.sum()))
        assert value == pytest.approx(expected, rel=1e-3)


def test_gradients_that_never_differ_are_rejected():
    """Minibatches of one and the same point: no variation to divide by."""
    same = replace(
        DATA,
        inputs=DATA.inputs[:1].expand(400, -1),
        targets=DATA.targets[:1].expand(400, -1),
    )
    found = score("zico", data=same)
    assert "not finite" in found.status
    assert not found.accepted


def test_readout_is_exact_where_the_features_suffice():
    """The LDOS is linear in the last hidden layer of the scored network itself."""
    proxy = Readout(points=300, held_out_points=50, ridge=1e-12)
    (seed,) = initialisation_seeds(6, 1)
    network = build_network(ARCHITECTURE, inputs=COMPONENTS, outputs=ENERGIES, seed=seed)
    with torch.no_grad():
        own = replace(
            DATA, targets=network(DATA.inputs), held_out_targets=network(DATA.held_out_inputs)
        )
    assert proxy(ARCHITECTURE, own, seed=6, initialisations=1).score < 1e-12
    assert proxy(ARCHITECTURE, own, seed=7, initialisations=1).score > 1e-6


def test_readout_with_an_infinite_ridge_predicts_the_mean():
    found = Readout(points=10**6, held_out_points=10**6, ridge=1e12)(
        ARCHITECTURE, DATA, seed=0, initialisations=2
    )
    expected = float((DATA.held_out_targets - DATA.targets.mean(0)).square().mean())
    assert found.values == pytest.approx([expected] * 2, rel=1e-4)


def test_short_training_agrees_with_modules_one_by_one():
    proxy = ShortTraining(steps=5, points=200, batch_size=50, learning_rate=1e-2)
    found = proxy(ARCHITECTURE, DATA, seed=3, initialisations=2)
    rows = shuffled_rows(len(DATA.inputs), 200, seed=3)
    scaler = fit_input_scaler(DATA.inputs[rows], "whitened", eigenvalue_floor=3e-4)
    inputs = scaler.transform(DATA.inputs)
    for value, seed in zip(found.values, initialisation_seeds(3, 2), strict=True):
        network = build_network(ARCHITECTURE, inputs=COMPONENTS, outputs=ENERGIES, seed=seed)
        optimiser = torch.optim.Adam(network.parameters())
        for step in range(5):
            optimiser.param_groups[0]["lr"] = 5e-3 * (1 + math.cos(math.pi * step / 5))
            batch = rows[step % 4 :: 4]
            optimiser.zero_grad()
            (network(inputs[batch]) - DATA.targets[batch]).square().mean().backward()
            optimiser.step()
        training = DATA.inputs[rows], DATA.targets[rows]
        error = readout_error(network, training, proxy.ridge)
        assert value == pytest.approx(error, rel=1e-3)


def test_short_training_without_a_step_judges_the_untrained_network():
    found = ShortTraining(steps=0)(ARCHITECTURE, DATA, seed=0, initialisations=1)
    (seed,) = initialisation_seeds(0, 1)
    network = build_network(ARCHITECTURE, inputs=COMPONENTS, outputs=ENERGIES, seed=seed)
    error = readout_error(network, (DATA.inputs, DATA.targets), ridge=1e-6)
    assert found.score == pytest.approx(error, rel=1e-3)
    assert score("short_training", initialisations=1).score < 0.9 * found.score


@pytest.mark.parametrize("name", [name for name in PROXIES if name != "parameters"])
def test_a_failed_score_is_a_status_and_never_wins(name):
    """Inputs that overflow leave no finite score; a network must not win by it."""
    spoilt = torch.full_like(DATA.inputs, math.nan)
    broken = replace(DATA, inputs=spoilt, minibatch=torch.full_like(DATA.minibatch, math.nan))
    failed, fine = score(name, data=broken), score(name)
    assert failed.status.startswith("rejected: initialisation")
    assert math.isnan(failed.score)
    for direction in ("maximise", "minimise"):
        assert rank([failed, fine], direction) == [fine, failed]
        with pytest.raises(DataError, match="accepted no architecture"):
            best_architecture([failed], direction)


def test_one_diverged_initialisation_rejects_the_architecture():
    found = ShortTraining(steps=20, learning_rate=1e30)(
        Architecture((8,), "relu"), DATA, seed=0, initialisations=2
    )
    assert "not finite" in found.status
    assert math.isnan(found.score)


def test_no_memory_is_a_status():
    """A network far larger than any memory."""
    found = score("naswot", Architecture((10**8, 10**8), "relu"))
    assert found.status.startswith("rejected: initialisation 0:")
    assert math.isnan(found.score)


@settings(deadline=None, max_examples=20)
@given(
    widths=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    activation=st.sampled_from(ACTIVATIONS),
    name=st.sampled_from(sorted(PROXIES)),
)
def test_a_score_is_finite_or_rejected_with_a_reason(widths, activation, name):
    found = score(name, Architecture(tuple(widths), activation), initialisations=2)
    assert found.accepted == math.isfinite(found.score)
    assert found.accepted or found.status.startswith("rejected: initialisation")


def test_kinds_of_scores_do_not_mix():
    with pytest.raises(DataError, match="different kinds"):
        rank([score("naswot"), score("zico")], "maximise")


@pytest.mark.parametrize("name", [name for name in PROXIES if name != "parameters"])
def test_no_initialisation_is_a_fault_of_the_caller(name):
    with pytest.raises(ConfigError, match="initialisations = 0"):
        score(name, initialisations=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": DATA.targets[:-1]},
        {"held_out_targets": DATA.held_out_targets[:, :-1]},
        {"minibatch": DATA.minibatch[:, :-1]},
        {"inputs": DATA.inputs[:0], "targets": DATA.targets[:0]},
    ],
)
def test_data_that_do_not_fit(changes):
    with pytest.raises(DataError, match=r"(?s)do not fit.*minibatch \(10, "):
        replace(DATA, **changes)


def test_held_out_points_are_distinct_and_no_more_than_wanted():
    for points, wanted in itertools.product((1, 7, 200), (1, 3, 50, 1000)):
        data = replace(
            DATA,
            held_out_inputs=DATA.held_out_inputs[:points],
            held_out_targets=DATA.held_out_targets[:points],
        )
        inputs, targets = data.held_out(wanted)
        assert len(inputs) == len(targets)
        assert min(points, wanted) / 2 <= len(inputs) <= wanted
