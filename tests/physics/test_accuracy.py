"""Errors, baselines, skill and correlation in closed form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.physics.accuracy import accuracy, class_baseline, class_means, correlation

numbers = st.floats(-1e3, 1e3, allow_nan=False)


def test_closed_form():
    result = accuracy([[1.0, 2.0], [3.0, 4.0]], [1.0, 3.0], [1.5, 3.0], [1.0, 1.0])
    assert result.mae == pytest.approx((0.5 + 1.5) / 2)
    assert result.std_over_seeds == pytest.approx(np.std([0.5, 1.5], ddof=1))
    assert result.mean_error == pytest.approx((0 - 1 + 2 + 1) / 4)
    assert result.discretisation_error == pytest.approx(0.25)
    assert result.baseline == pytest.approx(1.0)
    # The mean prediction is (2, 3): its errors are 1 and 0.
    assert result.ensemble_mae == pytest.approx(0.5)
    assert result.largest_error == pytest.approx(1.0)
    assert result.skill == pytest.approx(0.5)
    assert math.isnan(result.correlation), "of two snapshots"


def test_errors_of_both_signs_cancel_in_the_mean_prediction_only():
    result = accuracy([[1.0, 1.0], [3.0, 3.0]], [2.0, 2.0], [2.0, 2.0], [2.5, 2.5])
    assert (result.mae, result.ensemble_mae, result.skill) == (1.0, 0.0, 0.0)


def test_one_initialisation_has_no_spread():
    found = accuracy([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, 1.0])
    assert found.std_over_seeds == 0.0
    assert found.ensemble_mae == found.mae


def test_a_baseline_without_error_leaves_no_skill():
    assert math.isnan(accuracy([1.5], [1.0], [1.0], [1.0]).skill)


def test_what_is_not_known_is_not_judged():
    unknown = math.nan
    found = accuracy(
        [[1.0, 2.0, 4.0, 5.5]],
        [1.0, unknown, 3.0, 5.0],
        [1.1, 2.0, unknown, unknown],
        [2.0] * 4,
    )
    assert found.mae == pytest.approx(0.5), "over three snapshots"
    assert found.discretisation_error == pytest.approx(0.1), "over one"
    assert found.correlation > 0.9
    nothing = accuracy([[1.0, 2.0]], [unknown] * 2, [1.0, 2.0], [2.0] * 2)
    assert all(math.isnan(x) for x in (nothing.mae, nothing.skill, nothing.discretisation_error))


def test_a_prediction_that_is_no_number_is_not_forgiven():
    found = accuracy([[1.0, math.nan]], [1.0, 2.0], [1.0, 2.0], [2.0] * 2)
    assert math.isnan(found.mae)


def test_a_class_without_references_has_no_say_in_the_baseline():
    values, classes = [1.0, math.nan, 5.0], ["small", "large", "small"]
    found = class_baseline(values, classes, {"small": [2.0, 4.0]})
    assert found.kind == "training_mean"
    assert found.values[[0, 2]].tolist() == [3.0, 3.0]
    assert math.isnan(found.values[1])
    assert class_baseline([1.0, math.nan, 5.0], ["large"] * 3, {}).values[0] == 3.0


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="shapes differ"):
        accuracy([[1.0, 2.0]], [1.0], [1.0], [1.0])
    with pytest.raises(ValueError, match=r"baseline \(1,\)"):
        accuracy([[1.0, 2.0]], [1.0, 2.0], [1.0, 2.0], [1.0])


# --- the baseline ---


def test_a_class_of_the_training_is_predicted_by_its_training_mean():
    found = class_baseline([5.0, 7.0, 1.0], ["a", "a", "b"], {"a": [1.0, 3.0], "b": [4.0]})
    assert found.values.tolist() == [2.0, 2.0, 4.0]
    assert found.kind == "training_mean"


def test_a_class_that_the_training_lacks_is_predicted_by_its_own_mean():
    found = class_baseline([5.0, 7.0], ["b", "b"], {"a": [1.0, 3.0]})
    assert found.values.tolist() == [6.0, 6.0]
    assert found.kind == "class_mean"


def test_both_kinds_of_baseline_are_said_to_be_mixed():
    found = class_baseline([5.0, 7.0, 9.0], ["b", "b", "a"], {"a": [1.0, 3.0]})
    assert found.values.tolist() == [6.0, 6.0, 2.0]
    assert found.kind == "mixed"


@given(st.lists(numbers, min_size=1, max_size=8), numbers)
def test_no_constant_beats_the_own_mean_in_the_mean_square(values, other):
    found = class_baseline(values, [0] * len(values), {})
    error = np.square(found.values - values).mean()
    assert error <= np.square(other - np.array(values)).mean() + 1e-6


# --- the correlation ---


@given(st.lists(numbers, min_size=3, max_size=8, unique=True), st.floats(0.1, 10), numbers)
def test_a_line_correlates_fully_whatever_its_slope_and_offset(values, slope, offset):
    truth = np.round(values, 3)
    if np.ptp(truth) < 1:
        return
    assert correlation(slope * truth + offset, truth) == pytest.approx(1.0, abs=1e-6)
    assert correlation(-slope * truth + offset, truth) == pytest.approx(-1.0, abs=1e-6)


def test_it_is_pearsons():
    generator = np.random.default_rng(1)
    one, other = generator.normal(size=(2, 12))
    assert correlation(one, other) == pytest.approx(np.corrcoef(one, other)[0, 1])


def test_offsets_between_classes_are_no_merit():
    generator = np.random.default_rng(2)
    one, other = generator.normal(size=(2, 40))
    classes = ["small"] * 20 + ["large"] * 20
    apart = np.repeat([0.0, 100.0], 20)
    assert np.corrcoef(one + apart, other + apart)[0, 1] > 0.99
    found = correlation(one + apart, other + apart, classes)
    assert found == pytest.approx(correlation(one, other, classes), abs=1e-10)
    assert abs(found) < 0.5


def test_too_few_or_equal_values_have_no_correlation():
    assert math.isnan(correlation([1.0, 2.0], [1.0, 2.0]))
    assert math.isnan(correlation([1.0, 2.0, 3.0], [4.0, 4.0, 4.0]))
    assert math.isnan(correlation([1.0, 1.0, 1.0], [4.0, 5.0, 6.0]))
    assert math.isnan(correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [0, 0, 1]))
    assert math.isnan(correlation([-57.1] * 3, [1.0, 2.0, 3.0])), "rounding is no spread"


def test_the_mean_of_its_class():
    assert class_means([1.0, 3.0, 10.0], ["a", "a", "b"]).tolist() == [2.0, 2.0, 10.0]
