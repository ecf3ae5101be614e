"""Scalings of descriptors and LDOS."""

import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.networks.losses import ldos_error
from surrogate_hpo.networks.scaling import (
    INPUT_SCALINGS,
    OUTPUT_SCALINGS,
    AffineScaler,
    error_weights,
    fit_input_scaler,
    fit_output_scaler,
)


def collinear(points=4000, components=6, seed=0):
    """Positive, strongly collinear components of very different size, like SNAP's."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(points, components, generator=generator, dtype=torch.float64)
    hidden[:, 1:] = hidden[:, :1] + 0.02 * hidden[:, 1:]
    return (50 + hidden) * torch.logspace(-1, 2, components, dtype=torch.float64)


@pytest.mark.parametrize("method", INPUT_SCALINGS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_inverse_undoes_transform(method, seed):
    data = collinear(seed=seed, points=500)
    scaler = fit_input_scaler(data, method)
    assert torch.allclose(scaler.inverse(scaler.transform(data)), data, rtol=1e-11)


def test_standardised_has_mean_zero_and_deviation_one():
    scaled = fit_input_scaler(collinear(), "standardised").transform(collinear())
    assert torch.allclose(scaled.mean(0), torch.zeros(6).double(), atol=1e-10)
    assert torch.allclose(scaled.std(0, correction=0), torch.ones(6).double())


def test_whitened_has_the_identity_as_covariance():
    scaled = fit_input_scaler(collinear(), "whitened", eigenvalue_floor=1e-9).transform(collinear())
    assert torch.allclose(torch.cov(scaled.T, correction=0), torch.eye(6).double(), atol=1e-8)


def test_the_floor_keeps_noise_small():
    """A component that repeats another to rounding must not be blown up to order one."""
    data = collinear(components=3)
    data[:, 2] = data[:, 1] * (1 + 1e-12)
    deviations = fit_input_scaler(data, "whitened", eigenvalue_floor=1e-6).transform(data).std(0)
    assert float(deviations.min()) < 1e-3
    assert float(deviations.max()) == pytest.approx(1, rel=1e-3)


def test_float32_data_are_scaled_in_float64():
    data = collinear().float()
    scaler = fit_input_scaler(data, "whitened", eigenvalue_floor=1e-9)
    scaled = scaler.transform(data)
    assert scaled.dtype == torch.float32
    exact = scaler.transform(data.double())
    assert torch.allclose(scaled.double(), exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("method", INPUT_SCALINGS)
def test_constant_components_give_zero_not_nan(method):
    data = collinear()
    data[:, 3] = 7.3
    scaled = fit_input_scaler(data.float(), method).transform(data.float())
    assert bool(torch.isfinite(scaled).all())
    constant = fit_input_scaler(torch.full((9, 2), 7.3), method).transform(torch.full((9, 2), 7.3))
    assert bool(torch.isfinite(constant).all())


def test_fit_does_not_depend_on_chunks():
    data = collinear(points=70_000)
    whole = data.mean(0)
    assert torch.allclose(fit_input_scaler(data, "standardised").offset, whole, rtol=1e-12)


@pytest.mark.parametrize("method", ["none", "maximum", "standardised"])
def test_output_scaling_keeps_the_relative_weight_of_energies(method):
    ldos = collinear().abs()
    scaler = fit_output_scaler(ldos, method)
    diagonal = scaler.forward.diagonal()
    assert torch.equal(scaler.forward, torch.diag(diagonal))
    assert torch.equal(diagonal, diagonal[0].expand(6))


@pytest.mark.parametrize("method", OUTPUT_SCALINGS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_output_scaling_round_trip(method, seed):
    ldos = collinear(seed=seed, points=300).abs()
    scaler = fit_output_scaler(ldos, method)
    assert torch.allclose(scaler.inverse(scaler.transform(ldos)), ldos, rtol=1e-12)


def test_feature_maximum_divides_each_energy_by_its_own_maximum():
    ldos = collinear(components=3).abs().sqrt()  # sizes 2, 12 and 70
    scaled = fit_output_scaler(ldos, "feature_maximum").transform(ldos)
    assert torch.allclose(scaled.amax(0), torch.ones(3).double())


def test_feature_maximum_does_not_blow_up_energies_without_states():
    ldos = collinear(components=3).abs()
    ldos[:, 0] = 0
    ldos[:, 1] = 1e-30
    scaled = fit_output_scaler(ldos, "feature_maximum").transform(ldos)
    assert torch.equal(scaled[:, 0], torch.zeros(len(ldos)).double())
    assert float(scaled[:, 1].max()) == pytest.approx(1e-27 / float(ldos.max()), rel=1e-9)


@pytest.mark.parametrize("method", OUTPUT_SCALINGS)
def test_error_weights_make_losses_comparable(method):
    """The same errors of the LDOS have the same weighted loss in all scalings."""
    ldos = collinear().abs()
    errors = collinear(seed=1) / 1000
    scaler = fit_output_scaler(ldos, method)
    weights = error_weights(scaler, ldos)
    assert (weights is None) == (method == "maximum")
    loss = ldos_error(scaler.transform(ldos + errors), scaler.transform(ldos), weights)
    expected = (errors / ldos.max()).square().mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-8)


def test_maximum_divides_by_the_maximum():
    ldos = collinear().abs()
    assert float(fit_output_scaler(ldos, "maximum").transform(ldos).max()) == pytest.approx(1)


def test_state_survives_a_file_read_with_weights_only():
    scaler = fit_input_scaler(collinear(), "whitened")
    file = io.BytesIO()
    torch.save(scaler.state_dict(), file)
    file.seek(0)
    restored = AffineScaler.from_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(restored.transform(collinear()), scaler.transform(collinear()))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fit_input_scaler(collinear(), "minmax"), ConfigError, "standardised, whitened"),
        (lambda: fit_output_scaler(collinear(), "minmax"), ConfigError, "maximum, standardised"),
        (
            lambda: fit_input_scaler(collinear(), "whitened", eigenvalue_floor=0.0),
            ConfigError,
            "eigenvalue_floor",
        ),
        (lambda: fit_input_scaler(collinear()[:1], "none"), DataError, "two points or more"),
        (lambda: fit_input_scaler(collinear()[0], "none"), DataError, "two points or more"),
        (lambda: fit_output_scaler(-collinear().abs(), "maximum"), DataError, "nowhere positive"),
        (
            lambda: fit_input_scaler(collinear(), "none").transform(torch.zeros(2, 5)),
            DataError,
            r"(?s)6 features.*\(2, 5\)",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_value_that_is_not_finite_is_located():
    data = collinear()
    data[17, 2] = torch.nan
    with pytest.raises(DataError, match="first at point 17"):
        fit_input_scaler(data, "standardised")
