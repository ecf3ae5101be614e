"""The tanh of predictions: torch's, in values and derivative."""

import numpy as np
import pytest
import torch
from torch import nn

from surrogate_hpo.networks.ensemble.activations import activation_of

VALUES = torch.linspace(-14, 14, 200_001)


def chosen(layer: nn.Module, *, rough: bool = False, precision: torch.dtype = torch.float32):
    return activation_of(layer, "cpu", precision, rough=rough)


@pytest.mark.parametrize(("rough", "largest"), [(False, 3.1e-8), (True, 4e-7)])
def test_values_are_those_of_the_tanh(rough, largest):
    found = chosen(nn.Tanh(), rough=rough)(VALUES).double().numpy()
    assert np.abs(found - np.tanh(VALUES.double().numpy())).max() < largest
    assert np.abs(found).max() <= 1 + (largest if rough else 0)
    assert (np.sign(found) == np.sign(VALUES.numpy())).all()


def test_gradients_are_those_of_the_tanh():
    given, again = (VALUES.clone().requires_grad_() for _ in range(2))
    chosen(nn.Tanh())(given).sum().backward()
    torch.tanh(again).sum().backward()
    torch.testing.assert_close(given.grad, again.grad, rtol=0, atol=2e-7)


def test_what_is_not_a_number_stays_none_and_infinities_saturate():
    given = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0])
    found = chosen(nn.Tanh())(given)
    torch.testing.assert_close(found, torch.tanh(given), equal_nan=True, rtol=0, atol=0)


def test_columns_of_a_wider_array_are_not_changed():
    wide = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    before = wide.clone()
    torch.testing.assert_close(chosen(nn.Tanh())(wide[:, 2:5]), torch.tanh(before[:, 2:5]))
    assert torch.equal(wide, before)


def test_other_activations_and_double_precision_are_left_to_torch():
    relu, tanh = nn.ReLU(), nn.Tanh()
    assert chosen(relu) is relu
    assert chosen(tanh, precision=torch.float64) is tanh
