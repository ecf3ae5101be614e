"""Losses: closed forms, and what the density of states adds to the LDOS."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.losses import (
    dos_error,
    ldos_error,
    normalised_weights,
    training_loss,
)

POINTS, ENERGIES = 40, 7


def draw(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(POINTS, ENERGIES, generator=generator, dtype=torch.float64)


def test_a_common_shift_counts_in_full_in_both():
    targets = draw(0)
    shift = torch.linspace(-1, 2, ENERGIES, dtype=torch.float64)
    expected = float(shift.square().mean())
    assert float(ldos_error(targets + shift, targets)) == pytest.approx(expected)
    assert float(dos_error(targets + shift, targets)) == pytest.approx(expected)


def test_errors_that_cancel_between_points_leave_the_dos_alone():
    targets = draw(0)
    signs = torch.tensor([1.0, -1.0]).repeat(POINTS // 2)[:, None]
    assert float(ldos_error(targets + 0.5 * signs, targets)) == pytest.approx(0.25)
    assert float(dos_error(targets + 0.5 * signs, targets)) == pytest.approx(0, abs=1e-30)


@given(seed=st.integers(0, 1000), dos_weight=st.floats(0, 100))
@settings(max_examples=25, deadline=None)
def test_loss_is_the_documented_formula(seed, dos_weight):
    prediction, targets = draw(seed), draw(seed + 1)
    weights = draw(seed + 2)[0].square()
    total = 0.0
    for energy in range(ENERGIES):
        errors = [float(prediction[p, energy] - targets[p, energy]) for p in range(POINTS)]
        total += float(weights[energy]) * sum(e * e for e in errors) / POINTS / ENERGIES
        # The density of states of the batch is the sum of its points' LDOS.
        dos = float(prediction[:, energy].sum() - targets[:, energy].sum())
        total += dos_weight * float(weights[energy]) * (dos / POINTS) ** 2 / ENERGIES
    loss = training_loss(prediction, targets, weights=weights, dos_weight=dos_weight)
    assert float(loss) == pytest.approx(total, rel=1e-10)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_dos_error_never_exceeds_that_of_the_ldos(seed):
    prediction, targets = draw(seed), draw(seed + 1)
    assert float(dos_error(prediction, targets)) <= float(ldos_error(prediction, targets))


def test_without_weights_the_loss_is_the_mean_squared_error_to_the_last_bit():
    prediction, targets = draw(0).float(), draw(1).float()
    assert torch.equal(training_loss(prediction, targets), (prediction - targets).square().mean())


def test_gradient_of_the_dos_error_is_the_same_at_all_points():
    prediction, targets = draw(0).requires_grad_(), draw(1)
    dos_error(prediction, targets).backward()
    expected = 2 / (POINTS * ENERGIES) * (prediction - targets).mean(0)
    assert torch.allclose(prediction.grad, expected.expand(POINTS, ENERGIES))


def test_weights_are_normalised_to_a_mean_of_one():
    weights = normalised_weights(torch.arange(ENERGIES).double(), draw(0))
    assert float(weights.mean()) == pytest.approx(1)
    assert float(weights[4] / weights[2]) == pytest.approx(2)
    assert normalised_weights(None, draw(0)) is None


@pytest.mark.parametrize(
    "weights",
    [
        torch.ones(3),
        torch.zeros(ENERGIES),
        -torch.ones(ENERGIES),
        torch.tensor([1.0] * 6 + [torch.inf]),
    ],
)
def test_weights_that_do_not_fit(weights):
    with pytest.raises(DataError, match=r"(?s)loss weights.*shape \(7,\), finite"):
        normalised_weights(weights, draw(0))
