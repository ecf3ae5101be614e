"""Integrals of the LDOS over space and over energy."""

import math

import pytest
import torch

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics import ldos_integrals
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos

LDOS = torch.rand(3, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
WEIGHTS = torch.linspace(1, 0, 6, dtype=torch.float64)


def test_both_orders_of_integration_give_the_same_electrons():
    dos, density = dos_from_ldos(LDOS, 0.2), density_from_ldos(LDOS, WEIGHTS)
    assert dos.shape == (6,)
    assert density.shape == (3, 4, 5)
    assert float(dos @ WEIGHTS) == pytest.approx(float(density.sum()) * 0.2, rel=1e-14)
    assert float(density[1, 2, 3]) == pytest.approx(float(LDOS[1, 2, 3] @ WEIGHTS), rel=1e-14)
    assert float(dos[4]) == pytest.approx(float(LDOS[..., 4].sum()) * 0.2, rel=1e-14)


def test_a_single_precision_ldos_is_summed_in_double_and_in_pieces(monkeypatch):
    single = LDOS.float()
    whole = density_from_ldos(single.double(), WEIGHTS)
    monkeypatch.setattr(ldos_integrals, "_CHUNK_VALUES", 20)
    torch.testing.assert_close(density_from_ldos(single, WEIGHTS), whole, rtol=1e-14, atol=0)
    assert dos_from_ldos(single, 0.2).dtype == torch.float64


def test_gradients_reach_the_ldos():
    ldos = LDOS[:2, :2, :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda d: density_from_ldos(d, WEIGHTS), (ldos,))
    assert torch.autograd.gradcheck(lambda d: dos_from_ldos(d, 0.2), (ldos,))


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="expected: 6 weights, one per energy"):
        density_from_ldos(LDOS, WEIGHTS[:5])
    with pytest.raises(DataError, match=r"volume_element > 0 Å³"):
        dos_from_ldos(LDOS, 0.0)
    with pytest.raises(DataError, match="LDOS is not an array of floating-point numbers"):
        dos_from_ldos(torch.ones(3, 3, dtype=torch.int64), 1.0)
    with pytest.raises(DataError, match="values that are not finite"):
        dos_from_ldos(torch.full((2, 3), math.nan), 1.0)
