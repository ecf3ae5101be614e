"""A linear map whose penalty is chosen by left-out groups."""

import numpy as np
import pytest

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.linear_readout import fit_linear_readout

RNG = np.random.default_rng(5)
VECTORS = RNG.normal(size=(60, 7)) * np.logspace(-2, 2, 7) + 3.0
WEIGHTS = RNG.normal(size=(7, 4))
GROUPS = [slice(4 * n, 4 * n + 4) for n in range(15)]


def test_a_linear_law_is_found():
    fit = fit_linear_readout(VECTORS, VECTORS @ WEIGHTS + 2.0, GROUPS)
    np.testing.assert_allclose(fit.predict(VECTORS), VECTORS @ WEIGHTS + 2.0, rtol=1e-6, atol=1e-6)
    assert fit.left_out_rmse < 1e-6


@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0])
def test_left_out_errors_are_those_of_fits_without_the_group(penalty):
    targets = VECTORS @ WEIGHTS + 10 * RNG.normal(size=(60, 4))
    fit = fit_linear_readout(VECTORS, targets, GROUPS, penalties=[penalty])
    # The scaling and the ridge of all rows, the offset of those that are left.
    scaled = (VECTORS - VECTORS.mean(0)) / VECTORS.std(0)
    ridge = penalty * np.linalg.norm(scaled, 2) ** 2
    squares = []
    for group in GROUPS:
        kept = np.ones(60, bool)
        kept[group] = False
        x, y = scaled[kept], targets[kept]
        moved = x - x.mean(0)
        weights = np.linalg.solve(moved.T @ moved + ridge * np.eye(7), moved.T @ (y - y.mean(0)))
        errors = targets[group] - y.mean(0) - (scaled[group] - x.mean(0)) @ weights
        squares.append(np.square(errors.mean(0)).mean())
    assert fit.left_out_rmse == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-8)


def test_noise_asks_for_a_penalty_and_a_constant_component_is_ignored():
    noisy = VECTORS @ WEIGHTS * 1e-3 + RNG.normal(size=(60, 4))
    wide = np.hstack([VECTORS, np.full((60, 1), 7.0)])
    fit = fit_linear_readout(wide, noisy, GROUPS)
    assert fit.penalty > 1e-4
    assert np.abs(fit.weights[-1]).max() == 0


def test_a_single_group_has_no_left_out_error():
    fit = fit_linear_readout(VECTORS, VECTORS @ WEIGHTS, [slice(0, 60)], penalties=[1e-6, 1e-3, 1])
    assert np.isnan(fit.left_out_rmse)
    assert fit.penalty == 1e-3


def test_bad_data_are_refused():
    with pytest.raises(DataError, match=r"do not fit(.|\n)*two rows or more"):
        fit_linear_readout(VECTORS, WEIGHTS, GROUPS)
    broken = VECTORS.copy()
    broken[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        fit_linear_readout(broken, VECTORS @ WEIGHTS, GROUPS)
