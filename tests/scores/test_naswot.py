"""NASWOT: the score's closed forms, its guards, and the ranking."""

import logging
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.architecture import ACTIVATIONS, Architecture, build_network
from surrogate_hpo.scores.architectures.batched_networks import (
    initial_networks,
    initialisation_seeds,
)
from surrogate_hpo.scores.architectures.eigenvalues import (
    correlation_scores,
    shifted_eigenvalue_sums,
)
from surrogate_hpo.scores.architectures.naswot import Naswot, draw_minibatch
from surrogate_hpo.scores.architectures.proxy import ScoreData
from surrogate_hpo.scores.architectures.ranking import ArchitectureScore, best_architecture, rank

K = 1e-4
COMPONENTS, OUTPUTS = 30, 11
ARCHITECTURE = Architecture((64, 64), "leaky_relu")


def descriptors(points=400, seed=0):
    return torch.randn(points, COMPONENTS, generator=torch.Generator().manual_seed(seed))


def score_on(minibatch, architecture=ARCHITECTURE, *, seed=0, initialisations=5, k=K):
    """The score looks at the minibatch alone."""
    labelled = minibatch, torch.zeros(len(minibatch), OUTPUTS)
    data = ScoreData(*labelled, *labelled, minibatch)
    return Naswot(k)(architecture, data, seed=seed, initialisations=initialisations)


def score(architecture=ARCHITECTURE, *, batch_size=20, **settings):
    minibatch = draw_minibatch(descriptors(), batch_size=batch_size, seed=1)
    return score_on(minibatch, architecture, **settings)


def correlation_score(rows, k=K):
    """The score of one Jacobian."""
    found = correlation_scores(torch.from_numpy(rows)[None], k=k)
    assert not found.reasons
    return float(found.numbers[0])


def input_jacobian(network, inputs):
    """Autograd's gradient of the summed outputs: the oracle of the chain rule by hand."""
    inputs = inputs.detach().requires_grad_()
    (jacobian,) = torch.autograd.grad(network(inputs).sum(), inputs)
    return jacobian


def test_uncorrelated_rows_have_unit_eigenvalues():
    """Rows of a Hadamard matrix without its constant row: means zero, all orthogonal."""
    two = np.array([[1.0, 1.0], [1.0, -1.0]])
    rows = np.kron(np.kron(two, two), two)[1:]
    expected = 7 * (math.log(1 + K) + 1 / (1 + K))
    assert correlation_score(rows, k=K) == pytest.approx(expected, rel=1e-12)


def test_equal_rows_leave_one_eigenvalue():
    rows = np.tile(np.arange(6.0), (4, 1))
    expected = math.log(4 + K) + 1 / (4 + K) + 3 * (math.log(K) + 1 / K)
    assert correlation_score(rows, k=K) == pytest.approx(expected, rel=1e-9)


@given(angle=st.floats(0.01, math.pi - 0.01))
def test_two_rows_at_an_angle(angle):
    """The eigenvalues of a 2×2 correlation matrix are 1 ± cos(angle)."""
    first = np.array([1.0, -1.0, 0.0, 0.0])
    second = np.array([0.0, 0.0, 1.0, -1.0])
    rows = np.stack([first, math.cos(angle) * first + math.sin(angle) * second])
    shifted = [1 + math.cos(angle) + K, 1 - math.cos(angle) + K]
    expected = sum(math.log(s) + 1 / s for s in shifted)
    assert correlation_score(rows, k=K) == pytest.approx(expected, rel=1e-9)


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_score_ignores_order_scale_and_offset_of_rows(seed):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(8, 20))
    changed = rows[generator.permutation(8)] * generator.uniform(0.1, 9, (8, 1))
    changed += generator.normal(size=(8, 1))
    assert correlation_score(changed) == pytest.approx(correlation_score(rows), rel=1e-8)


def test_score_agrees_with_numpy_corrcoef():
    rows = np.random.default_rng(0).normal(size=(10, 30))
    shifted = np.linalg.eigvalsh(np.corrcoef(rows)) + K
    assert correlation_score(rows) == pytest.approx(np.sum(np.log(shifted) + 1 / shifted))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths", [(16,), (16, 8), (5, 20, 7)])
def test_batched_networks_are_those_of_build_network(activation, widths):
    """Outputs and Jacobian of every initialisation, against modules and autograd."""
    architecture = Architecture(widths, activation)
    seeds = initialisation_seeds(3, 4)
    stacked = initial_networks(architecture, inputs=5, outputs=3, seeds=seeds, dtype=torch.float64)
    inputs = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for number, seed in enumerate(seeds):
        network = build_network(architecture, inputs=5, outputs=3, seed=seed).double()
        assert torch.equal(stacked.weights[0][number], network[0].weight)
        torch.testing.assert_close(stacked.outputs(inputs)[number], network(inputs))
        torch.testing.assert_close(
            stacked.input_jacobian(inputs)[number],
            input_jacobian(network, inputs),
            rtol=1e-12,
            atol=1e-14,
        )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_jacobian_agrees_with_finite_differences(activation):
    networks = initial_networks(
        Architecture((16, 8), activation), inputs=5, outputs=3, seeds=[0, 1], dtype=torch.float64
    )
    inputs = torch.randn(4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    jacobian = networks.input_jacobian(inputs)
    step = 1e-6
    for component in range(5):
        shift = torch.zeros(5, dtype=torch.float64)
        shift[component] = step
        difference = networks.outputs(inputs + shift) - networks.outputs(inputs - shift)
        expected = difference.sum(2) / (2 * step)
        assert torch.allclose(jacobian[:, :, component], expected, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_score_is_that_of_networks_one_by_one(activation):
    """Batched against module by module, autograd and numpy, to 1e-9."""
    architecture = Architecture((64, 25), activation)
    minibatch = draw_minibatch(descriptors(), batch_size=20, seed=1)
    found = score_on(minibatch, architecture, seed=5)
    for value, seed in zip(found.values, initialisation_seeds(5, 5), strict=True):
        network = build_network(architecture, inputs=COMPONENTS, outputs=OUTPUTS, seed=seed)
        rows = input_jacobian(network.double(), minibatch).numpy()
        shifted = np.linalg.eigvalsh(np.corrcoef(rows)).clip(0) + K
        assert value == pytest.approx(np.sum(np.log(shifted) + 1 / shifted), rel=1e-9)


def test_a_linear_network_in_disguise_is_degenerate():
    """One unit: all Jacobian rows are parallel, so all eigenvalues but one vanish."""
    result = score(Architecture((1,), "tanh"), batch_size=20)
    assert result.score == pytest.approx(19 / K, rel=1e-3)


def test_same_seed_same_score_and_each_initialisation_differs():
    first, again, other = score(seed=0), score(seed=0), score(seed=1)
    assert first == again
    assert len(set(first.values)) == 5
    assert not set(first.values) & set(other.values)


def test_score_is_mean_plus_population_std():
    result = score(initialisations=3)
    assert result.mean == pytest.approx(sum(result.values) / 3)
    variance = sum((value - result.mean) ** 2 for value in result.values) / 3
    assert result.score == pytest.approx(result.mean + math.sqrt(variance))
    assert result.parameters == result.architecture.parameter_count(COMPONENTS, OUTPUTS)
    assert result.status == "ok"


def test_minibatch_is_clipped_to_the_components_and_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        minibatch = draw_minibatch(descriptors(), batch_size=50, seed=0)
    assert minibatch.shape == (COMPONENTS, COMPONENTS)
    assert minibatch.dtype == torch.float64
    assert "clipped from 50 to 30" in caplog.text


def test_minibatch_is_seeded_and_of_distinct_points():
    repeated = descriptors(points=40).repeat(25, 1)
    minibatch = draw_minibatch(repeated, batch_size=30, seed=2)
    assert len(torch.unique(minibatch, dim=0)) == 30
    assert torch.equal(minibatch, draw_minibatch(repeated, batch_size=30, seed=2))
    assert not torch.equal(minibatch, draw_minibatch(repeated, batch_size=30, seed=3))


def test_a_dead_network_is_rejected_and_never_wins():
    """Far outside the range of its weights, a sigmoid network has no gradient left."""
    minibatch = 1e30 * draw_minibatch(descriptors(), batch_size=20, seed=1)
    dead = score_on(minibatch, Architecture((8,), "sigmoid"))
    assert dead.status.startswith("rejected: initialisation")
    assert math.isnan(dead.score)
    alive = score()
    for direction in ("maximise", "minimise"):
        assert rank([dead, alive], direction) == [alive, dead]
        assert best_architecture([dead, alive], direction) == alive
        with pytest.raises(DataError, match=r"(?s)accepted no architecture.*8 sigmoid: rejected"):
            best_architecture([dead], direction)


def made_up(value, width=8, status="ok"):
    return ArchitectureScore(
        architecture=Architecture((width,), "relu"),
        parameters=width,
        batch_size=20,
        values=(value,),
        mean=value,
        std=0.0,
        score=value,
        status=status,
    )


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=8),
    st.sampled_from(["maximise", "minimise"]),
)
def test_the_best_is_the_extreme_of_the_finite_scores(values, direction):
    ranking = rank([made_up(value) for value in values], direction)
    finite = [value for value in values if math.isfinite(value)]
    assert [score.score for score in ranking[: len(finite)]] == sorted(
        finite, reverse=direction == "maximise"
    )
    assert not any(score.accepted for score in ranking[len(finite) :])


def test_equal_scores_prefer_the_smaller_network():
    small, large = made_up(1.0, width=8), made_up(1.0, width=16)
    for direction in ("maximise", "minimise"):
        assert rank([large, small], direction)[0] == small


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.vstack([np.ones(5), np.arange(5.0)]), "constant"),
        (np.vstack([np.full(5, 0.1), np.arange(5.0)]), "constant"),
        (np.vstack([np.zeros(5), np.arange(5.0)]), "constant"),
        (np.vstack([np.arange(5.0), [0, 1, 2, 3, np.nan]]), "not finite"),
        (np.vstack([np.arange(5.0), [0, 1, 2, 3, np.inf]]), "not finite"),
    ],
)
def test_rows_without_a_correlation_spoil_their_own_jacobian_only(rows, reason):
    good = np.random.default_rng(0).normal(size=(2, 5))
    found = correlation_scores(torch.from_numpy(np.stack([good, rows, good])), k=K)
    assert list(found.reasons) == [1]
    assert reason in found.reasons[1]
    assert found.numbers[0] == found.numbers[2] == pytest.approx(correlation_score(good))
    assert math.isnan(found.numbers[1])


def test_identical_rows_do_not_crash():
    """All points alike: N − 1 vanishing eigenvalues."""
    rows = torch.randn(3, 1, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = correlation_scores(rows.expand(3, 50, 60), k=K)
    expected = math.log(50 + K) + 1 / (50 + K) + 49 * (math.log(K) + 1 / K)
    assert found.numbers.tolist() == pytest.approx([expected] * 3, rel=1e-9)
    assert not found.reasons


@given(
    seed=st.integers(0, 1000),
    rank=st.integers(1, 12),
    k=st.floats(1e-8, 1.0),
)
@settings(deadline=None)
def test_sums_without_eigenvalues_are_those_of_numpy_with_them(seed, rank, k):
    factors = np.random.default_rng(seed).normal(size=(2, 12, rank))
    matrices = factors @ factors.transpose(0, 2, 1)
    logs, inverses, reasons = shifted_eigenvalue_sums(torch.from_numpy(matrices), k)
    shifted = np.linalg.eigvalsh(matrices).clip(0) + k
    assert not reasons
    assert logs.numpy() == pytest.approx(np.log(shifted).sum(1), rel=1e-5, abs=1e-5)
    assert inverses.numpy() == pytest.approx((1 / shifted).sum(1), rel=1e-5)


def test_a_matrix_that_is_not_positive_is_named():
    matrices = torch.stack([torch.eye(3), -torch.eye(3), torch.eye(3)]).double()
    logs, inverses, reasons = shifted_eigenvalue_sums(matrices, 0.5)
    assert list(reasons) == [1]
    assert "k = 0.5 is lost" in reasons[1]
    assert logs[0] == logs[2] == pytest.approx(3 * math.log(1.5))
    assert inverses[0] == inverses[2] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: draw_minibatch(descriptors(), batch_size=1, seed=0), ConfigError, "two or more"),
        (
            lambda: draw_minibatch(descriptors(points=9).repeat(9, 1), batch_size=20, seed=0),
            DataError,
            r"(?s)20 distinct.*9 among 81",
        ),
        (
            lambda: score_on(descriptors(points=31)),
            DataError,
            r"(?s)at most 30.*31 points.*draw_minibatch",
        ),
        (lambda: score(initialisations=0), ConfigError, "initialisations = 0"),
        (lambda: score(k=0.0), ConfigError, r"(?s)k well above zero.*1e-12.*k = 0"),
        (lambda: rank([made_up(1.0)], "highest"), ConfigError, "maximise or minimise"),
        (
            lambda: rank([made_up(1.0), replace(made_up(1.0), proxy="zico")], "minimise"),
            DataError,
            r"(?s)different kinds.*naswot, zico",
        ),
        (
            lambda: rank([made_up(1.0), score(batch_size=9)], "minimise"),
            DataError,
            "do not compare",
        ),
        (lambda: best_architecture([], "minimise"), DataError, "no scores"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
