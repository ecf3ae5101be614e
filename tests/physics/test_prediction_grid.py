"""Grids of new cells, and the range of the training descriptors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.training_range import RangeMonitor, TrainingRange, training_range
from surrogate_hpo.physics.prediction_grid import (
    KnownGrid,
    good_fft_size,
    grid_spacing,
    prediction_grid,
)

CELL = np.array([[4.0, 0.2, 0.0], [-1.5, 5.0, 0.3], [0.1, 1.7, 3.0]])
KNOWN = [KnownGrid(np.diag([2.0, 3.0, 4.0]), (9, 16, 25)), KnownGrid(CELL, (20, 24, 15))]


@given(
    multiples=st.tuples(*[st.integers(1, 7)] * 3),
    order=st.permutations(range(3)),
    signs=st.tuples(*[st.sampled_from([-1, 1])] * 3),
)
def test_a_multiple_of_a_training_cell_gets_multiples_of_its_grid(multiples, order, signs):
    factors = np.array(multiples)[:, None]
    cell = (np.array(signs)[:, None] * factors * CELL)[list(order)]
    expected = (factors[:, 0] * KNOWN[1].grid)[list(order)]
    assert prediction_grid(cell, KNOWN) == tuple(expected)


@given(
    lengths=st.tuples(*[st.floats(1.0, 40.0)] * 3), shear=st.floats(-0.5, 0.5), n=st.integers(0, 1)
)
def test_any_other_cell_is_at_least_as_fine_along_each_vector(lengths, shear, n):
    cell = np.diag(lengths)
    cell[0, 1] = shear * lengths[1]
    known = KNOWN[n : n + 1]
    grid = prediction_grid(cell, known)
    assert grid_spacing(cell, grid) <= known[0].spacing * (1 + 1e-5)
    for length, points in zip(np.linalg.norm(cell, axis=1), grid, strict=True):
        assert points <= good_fft_size(int(length / known[0].spacing) + 2)


def test_a_strained_cell_is_no_multiple_and_a_rounded_one_is():
    assert prediction_grid(CELL + 1e-6, KNOWN) == (20, 24, 15)
    assert prediction_grid(1.01 * CELL, KNOWN[1:]) == (24, 27, 18)
    with pytest.raises(DataError, match="the cell has no volume"):
        prediction_grid(np.ones((3, 3)), KNOWN)


@given(least=st.integers(1, 5000))
def test_good_sizes_are_the_next_products_of_two_three_and_five(least):
    smooth = {2**a * 3**b * 5**c for a in range(14) for b in range(9) for c in range(7)}
    assert good_fft_size(least) == min(n for n in smooth if n >= least)


def points(seed, count=400, components=4):
    generator = torch.Generator().manual_seed(seed)
    return 3 + torch.rand(count, components, generator=generator)


def test_the_range_of_parts_is_that_of_all():
    values = points(0)
    values[:, 2] = 1.5
    found = training_range(list(values.split(90)))
    torch.testing.assert_close(found.minimum, values.amin(0).double())
    torch.testing.assert_close(found.maximum, values.amax(0).double())
    expected = values.double().std(0, correction=0)
    expected[2] = 1.0  # constant: not scaled
    torch.testing.assert_close(found.deviation, expected)
    back = TrainingRange.from_state_dict(found.state_dict())
    assert all(torch.equal(getattr(back, n), getattr(found, n)) for n in vars(found))


def test_the_monitor_counts_points_and_keeps_the_farthest_component():
    known = training_range([points(0)])
    monitor = RangeMonitor(known)
    monitor.watch(points(0))
    assert monitor.result().component is None
    assert monitor.result().largest_excess == 0.0
    outside = points(0)[:100].clone()
    outside[:50, 1] = float(known.maximum[1] + 2 * known.deviation[1])
    outside[:20, 3] = float(known.minimum[3] - 5 * known.deviation[3])
    monitor.watch(outside)
    found = monitor.result()
    assert found.fraction_of_points == pytest.approx(50 / 500)
    assert found.component == 3
    assert found.largest_excess == pytest.approx(5.0, rel=1e-5)


def test_rounding_is_no_extrapolation_and_nan_is_refused():
    known = training_range([points(0)])
    monitor = RangeMonitor(known)
    monitor.watch(points(0) * (1 + 1e-6))
    assert monitor.result().fraction_of_points == 0.0
    bad = points(0)
    bad[3, 1] = float("nan")
    with pytest.raises(DataError, match="descriptors hold values that are not finite"):
        monitor.watch(bad)
