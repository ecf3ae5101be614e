"""Sums over energy without the LDOS: those of the LDOS itself."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.architecture import Architecture, build_network
from surrogate_hpo.networks.ensemble import projection
from surrogate_hpo.networks.ensemble.projection import ProjectedEnsemble
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.scaling import AffineScaler, fit_input_scaler

COMPONENTS, ENERGIES = 5, 7


def random(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def descriptors(seed, points=60):
    """Large, collinear numbers, as those of SNAP."""
    return 40 + random(seed, points, COMPONENTS) @ random(99, COMPONENTS, COMPONENTS)


def model(seed, widths=(6, 4), activation="tanh", scaling="whitened", energies=ENERGIES):
    scale = torch.diag(1 + random(seed, energies).abs())
    architecture = Architecture(widths, activation)
    return SurrogateModel(
        architecture,
        build_network(architecture, inputs=COMPONENTS, outputs=energies, seed=seed),
        fit_input_scaler(descriptors(seed), scaling),
        AffineScaler(random(seed + 1, energies), torch.linalg.inv(scale), scale),
    )


def several():
    return [
        model(0),
        model(1, widths=(3,), activation="leaky_relu", scaling="standardised"),
        model(2, widths=(5, 5, 8), activation="relu"),
    ]


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**20), points=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_sums_are_those_of_the_ldos_of_each_network(seed, points):
    models = [one.in_double_precision() for one in several()]
    weights = [random(seed, 2, ENERGIES), None, random(seed + 1, 1, ENERGIES)]
    ensemble = ProjectedEnsemble(models, weights)
    parts = [descriptors(seed + number, size) for number, size in enumerate(points)]
    found = [ensemble(part) for part in parts]
    ldos = [one.predict(torch.cat(parts)) for one in models]
    for number, weight in enumerate(weights):
        if weight is None:
            assert all(part[number] is None for part in found)
            continue
        sums = torch.cat([part[number] for part in found], dim=1)
        torch.testing.assert_close(sums, weight @ ldos[number].T, rtol=1e-9, atol=1e-9)
    dos = torch.stack([values.sum(dim=0) for values in ldos])
    torch.testing.assert_close(ensemble.dos(), dos, rtol=1e-9, atol=1e-9)


def test_points_in_pieces_are_the_same_points(monkeypatch):
    weights = [random(0, 2, ENERGIES)] * 3
    whole, pieces = (ProjectedEnsemble(several(), weights) for _ in range(2))
    expected = whole(descriptors(4))
    monkeypatch.setattr(projection, "ROWS_IN_CACHE", 7)
    for one, other in zip(pieces(descriptors(4)), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    torch.testing.assert_close(pieces.dos(), whole.dos(), rtol=1e-6, atol=1e-6)


def test_single_precision_differs_by_its_rounding_only():
    models, weights = several(), [random(0, 2, ENERGIES)] * 3
    found = ProjectedEnsemble(models, weights)(descriptors(4).to(torch.float32))
    for one, sums, weight in zip(models, found, weights, strict=True):
        expected = weight @ one.predict(descriptors(4).to(torch.float32)).to(torch.float64).T
        assert sums.dtype == torch.float64
        torch.testing.assert_close(sums, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="Networks that do not belong together"):
        ProjectedEnsemble([model(0), model(1, energies=3)], [None, None])
    with pytest.raises(DataError, match="Networks that do not belong together"):
        ProjectedEnsemble([model(0), model(1).in_double_precision()], [None, None])
    with pytest.raises(DataError, match=r"Weights that do not fit(.|\n)*network 1"):
        ProjectedEnsemble([model(0), model(1)], [None, random(0, 2, 3)])
    with pytest.raises(DataError, match="do not fit the networks"):
        ProjectedEnsemble([model(0)], [None])(random(0, 4, 3))
