"""Products with the Jacobian of several networks: those of torch through each network alone."""

import pytest
import torch
from test_projection import COMPONENTS, ENERGIES, descriptors, model, random, several

from surrogate_hpo.errors import DataError
from surrogate_hpo.networks.ensemble import pullback
from surrogate_hpo.networks.ensemble.pullback import Pullback
from surrogate_hpo.networks.model import SurrogateModel

POINTS = 20


def by_torch(one: SurrogateModel, band, electrons, field):
    """Derivative of the energy with the LDOS written out."""
    given = descriptors(5, POINTS).requires_grad_()
    inputs = (given - one.input_scaler.offset) @ one.input_scaler.forward
    ldos = one.output_scaler.inverse(one.network(inputs))
    (slope,) = torch.autograd.grad(((band + field[:, None] * electrons) * ldos).sum(), given)
    return slope


def cotangents():
    band, electrons = random(1, 3, ENERGIES), random(2, 3, ENERGIES)
    return band, electrons, random(3, 3, POINTS)


@pytest.mark.parametrize("rows", [7, 512])
@pytest.mark.parametrize("mean", [False, True])
def test_products_are_those_of_each_network(mean, rows, monkeypatch):
    monkeypatch.setattr(pullback, "ROWS_IN_CACHE", rows)
    models = [one.in_double_precision() for one in several()]
    band, electrons, fields = cotangents()
    expected = torch.stack(
        [by_torch(*parts) for parts in zip(models, band, electrons, fields, strict=True)]
    )
    if mean:
        expected = expected.mean(dim=0, keepdim=True)
    found = Pullback(models, list(band), list(electrons), mean=mean)(descriptors(5, POINTS), fields)
    assert found.shape == (1 if mean else 3, POINTS, COMPONENTS)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_single_precision_differs_by_its_rounding_only():
    band, electrons, fields = cotangents()
    double = [one.in_double_precision() for one in several()]
    single, expected = (
        Pullback(models, list(band), list(electrons), mean=True)(descriptors(5, POINTS), fields)
        for models in (several(), double)
    )
    assert single.dtype == torch.float64
    torch.testing.assert_close(single, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


def test_networks_of_different_energies_are_refused():
    parts = [random(0, ENERGIES)] * 2
    with pytest.raises(DataError, match="Networks that do not belong together"):
        Pullback([model(0), model(1, energies=3)], parts, parts, mean=True)
