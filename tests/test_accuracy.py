import numpy as np
import pytest

from surrogate_hpo.physics.accuracy import accuracy


def test_closed_form():
    result = accuracy([[1.0, 2.0], [3.0, 4.0]], [1.0, 3.0], [1.5, 3.0], [0.0, 2.0])
    assert result.mae == pytest.approx((0.5 + 1.5) / 2)
    assert result.std_over_seeds == pytest.approx(np.std([0.5, 1.5], ddof=1))
    assert result.mean_error == pytest.approx((0 - 1 + 2 + 1) / 4)
    assert result.discretisation_error == pytest.approx(0.25)
    assert result.baseline == pytest.approx(1.0)


def test_one_initialisation_has_no_spread():
    assert accuracy([1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0]).std_over_seeds == 0.0


def test_shapes_must_fit():
    with pytest.raises(ValueError, match="shapes differ"):
        accuracy([[1.0, 2.0]], [1.0], [1.0], [1.0])
