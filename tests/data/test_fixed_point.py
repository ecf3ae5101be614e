"""Fields as whole numbers: how far off, how many bytes, and what they do not depend on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.data.fixed_point import from_steps, step_bytes, to_steps
from surrogate_hpo.errors import DataError


def falling(seed, ratio=1 / 300, orders=5):
    draw = np.random.default_rng(seed)
    shape = (4, 5, 6)
    return [ratio**order * draw.uniform(-1, 1, shape) for order in range(orders)]


@given(seed=st.integers(0, 10_000), scale=st.floats(1e-12, 1e12))
def test_every_field_is_off_by_half_a_step_at_most(seed, scale):
    fields = [scale * field for field in falling(seed)]
    step, whole = to_steps(fields)
    largest = np.max([np.abs(field).max(axis=(1, 2)) for field in fields], axis=0)
    np.testing.assert_allclose(step, largest / (2**31 - 1))
    for field, numbers in zip(fields, whole, strict=True):
        error = np.abs(from_steps(numbers, step) - field).max(axis=(1, 2))
        assert (error <= 0.5 * step * (1 + 1e-6)).all()


def test_small_orders_take_few_bytes():
    _, whole = to_steps(falling(0))
    assert [numbers.itemsize for numbers in whole] == [4, 4, 2, 1, 1]
    assert not whole[4].any()
    assert step_bytes([300.0**-order for order in range(5)]) == 11


def test_a_plane_is_rounded_alike_whatever_stands_beside_it():
    fields = falling(1)
    step, whole = to_steps(fields)
    alone_step, alone = to_steps([field[2:3] for field in fields])
    assert step[2] == alone_step[0]
    for numbers, own in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(numbers[2], own[0])


def test_single_precision_and_nothing_at_all_are_fields():
    fields = [np.zeros((2, 3, 4)), np.zeros((2, 3, 4), np.float32)]
    step, whole = to_steps(fields)
    assert (step > 0).all()
    assert not any(numbers.any() for numbers in whole)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    fields = falling(2)
    fields[1][0, 0, 0] = value
    with pytest.raises(DataError, match=r"not finite(.|\n)*surrogate"):
        to_steps(fields)
