"""Calibrated error bars: closed forms, and how often errors lie within."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.networks.error_bar import (
    ErrorBar,
    ForceErrorBar,
    calibrated_error_bar,
    calibrated_force_error_bar,
)

NONE = np.empty((4, 0))


def ensemble(rng, snapshots, *, networks=4, common=1.5, constant=0.5e-3):
    """Errors whose common part is `common` times the spread's true size, and a constant part."""
    size = 1e-3 * rng.uniform(0.7, 4, snapshots)
    own = size * rng.normal(size=(networks, snapshots))
    return own - own.mean(0) + np.hypot(common * size, constant) * rng.normal(size=snapshots)


@pytest.mark.parametrize("seed", range(4))
def test_two_thirds_of_unseen_errors_lie_within_one_bar(seed):
    rng = np.random.default_rng(seed)
    bar = calibrated_error_bar(ensemble(rng, 200), ensemble(rng, 100))
    unseen = ensemble(rng, 4000)
    bars = np.array([bar.of(errors) for errors in unseen.T])
    within = np.abs(unseen.mean(0)) < bars
    assert within.mean() == pytest.approx(0.68, abs=0.06)
    # It tells good from bad: a constant bar would be equally wide everywhere.
    wide = bars > np.median(bars)
    assert np.abs(unseen.mean(0))[wide].mean() > 1.4 * np.abs(unseen.mean(0))[~wide].mean()


def test_one_network_has_no_spread_and_a_constant_bar():
    errors = np.array([[1e-3, -3e-3, 2e-3, -2e-3]])
    bar = calibrated_error_bar(errors, errors[:, :0])
    assert bar == ErrorBar(
        0.0, pytest.approx(np.quantile([1e-3, 2e-3, 2e-3, 3e-3], 0.6827), rel=1e-3), 4, 0
    )
    assert bar.of([7.0]) == bar.constant


def test_networks_that_agree_have_a_constant_bar():
    errors = np.repeat([[1e-3, -3e-3, 2e-3]], 4, axis=0)
    assert calibrated_error_bar(errors, NONE).spread_factor == 0


def test_validation_snapshots_scale_the_bar():
    rng = np.random.default_rng(0)
    own = ensemble(rng, 50)
    alone = calibrated_error_bar(own, NONE)
    usual = np.mean([(errors.mean() / alone.of(errors)) ** 2 for errors in own.T])
    # Three errors of twice the usual size weigh as much as the expectation of the usual one.
    networks = own[:, :3] - own[:, :3].mean(0)
    bars = np.array([alone.of(errors) for errors in networks.T])
    bar = calibrated_error_bar(own, networks + 2 * np.sqrt(usual) * bars)
    assert bar.spread_factor == pytest.approx(np.sqrt((3 + 12) / 6) * alone.spread_factor)
    assert bar.constant == pytest.approx(np.sqrt((3 + 12) / 6) * alone.constant)
    assert (bar.left_out_snapshots, bar.validation_snapshots) == (50, 3)


def test_without_left_out_errors_validation_decides_alone():
    errors = ensemble(np.random.default_rng(0), 30)
    bar, same = calibrated_error_bar(NONE, errors), calibrated_error_bar(errors, NONE)
    assert (bar.spread_factor, bar.constant) == (same.spread_factor, same.constant)
    assert (bar.left_out_snapshots, bar.validation_snapshots) == (0, 30)
    assert calibrated_error_bar(NONE, errors[:, :1]) is None
    assert calibrated_error_bar(np.empty((1, 0)), np.empty((1, 0))) is None


@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(1e-4, 1e4),
    networks=st.integers(1, 6),
    snapshots=st.integers(2, 40),
)
def test_the_bar_has_the_unit_of_the_errors(seed, scale, networks, snapshots):
    rng = np.random.default_rng(seed)
    errors = ensemble(rng, snapshots, networks=networks)
    bar = calibrated_error_bar(errors, errors[:, :0])
    scaled = calibrated_error_bar(scale * errors, errors[:, :0])
    energies = rng.normal(size=networks)
    assert bar.of(energies) > 0
    assert scaled.of(scale * energies) == pytest.approx(scale * bar.of(energies), rel=1e-9)


def test_errors_that_vanish_give_a_bar_that_does():
    bar = calibrated_error_bar(np.zeros((4, 5)), NONE)
    assert bar.of([1.0, 1.0, 1.0, 1.0]) < 1e-100


def test_the_bar_of_forces_is_that_of_all_components():
    """The same fit as that of energies, on components of all snapshots."""
    rng = np.random.default_rng(3)
    errors = [ensemble(rng, 3 * atoms).reshape(-1, atoms, 3) for atoms in (4, 4, 8)]
    bar = calibrated_force_error_bar(errors)
    together = np.concatenate([one.reshape(len(one), -1) for one in errors], axis=1)
    same = calibrated_error_bar(together[:, :0], together)
    assert (bar.spread_factor, bar.constant) == (same.spread_factor, same.constant)
    assert bar.validation_snapshots == 3
    bars = bar.bars(errors[0])
    assert bars.shape == (4, 3)
    assert bars[1, 2] == pytest.approx(same.of(errors[0][:, 1, 2]))
    within = np.abs(together.mean(0)) <= bar.bars(together)
    assert within.mean() == pytest.approx(0.683, abs=0.03)


def test_forces_of_one_snapshot_are_too_few():
    assert calibrated_force_error_bar([]) is None
    assert calibrated_force_error_bar([np.ones((4, 4, 3))]) is None


def test_of_one_network_the_bar_of_forces_is_a_constant():
    errors = np.random.default_rng(0).normal(size=(2, 1, 4, 3))
    bar = calibrated_force_error_bar(list(errors))
    np.testing.assert_array_equal(bar.bars(errors[0]), np.full((4, 3), bar.constant))
    assert bar.constant == pytest.approx(np.quantile(np.abs(errors), 0.6827), rel=1e-4)


def test_bars_of_forces_tell_what_they_are():
    assert ForceErrorBar(1.5, 0.01, 4).as_document() == {
        "spread_factor": 1.5,
        "constant_ev_per_angstrom": 0.01,
        "validation_snapshots": 4,
    }
