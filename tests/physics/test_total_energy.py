"""The total free energy as a whole: thermodynamic identities, extensivity, gradients."""

import math

import pytest
import torch

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import band_terms, energy_terms_from_ldos
from surrogate_hpo.units import BOLTZMANN_EV_PER_KELVIN

ENERGY = torch.linspace(-6, 13, 96, dtype=torch.float64)
CELL = torch.tensor([[2.9, 0.1, 0.0], [0.0, 2.8, 0.2], [0.3, 0.0, 3.0]], dtype=torch.float64)
POSITIONS = torch.tensor([[0.1, 0.0, 0.2], [1.6, 1.3, 1.4]], dtype=torch.float64)
CHARGES = torch.tensor([3.0, 3.0], dtype=torch.float64)
SETTINGS = {
    "cell": CELL,
    "positions": POSITIONS,
    "charges": CHARGES,
    "electrons": 6.0,
    "temperature": 3000.0,
    "functional": "pbe",
    "broadening_variance": 0.02,
}


def metallic_dos():
    onset = torch.sigmoid((ENERGY + 2) / 0.2)
    return onset * torch.sqrt((ENERGY + 3).clamp_min(0)) * 0.5


def ldos(shape=(4, 5, 3)):
    x, y, z = torch.meshgrid(
        *[2 * math.pi * torch.arange(n, dtype=torch.float64) / n for n in shape], indexing="ij"
    )
    envelope = 1 + 0.3 * torch.cos(x + y) + 0.1 * torch.sin(z)
    tilt = 1 + 0.02 * torch.cos(x)[..., None] * ENERGY
    volume = float(torch.linalg.det(CELL))
    return envelope[..., None] * tilt * metallic_dos() / volume


@pytest.mark.parametrize("variance", [None, 0.0, 0.02])
def test_band_free_energy_obeys_the_thermodynamic_identities(variance):
    def terms(electrons, temperature):
        return band_terms(
            metallic_dos(), ENERGY, electrons, temperature, broadening_variance=variance
        )

    def free_energy(electrons, temperature):
        band = terms(electrons, temperature)
        return float(band.band_energy + band.entropy_term)

    electrons, temperature = 6.0, 4000.0
    here = terms(electrons, temperature)
    # dF/dN = mu and dF/dT = -S.
    slope = (free_energy(6.001, temperature) - free_energy(5.999, temperature)) / 0.002
    assert slope == pytest.approx(float(here.fermi_energy), abs=1e-6)
    slope = (free_energy(electrons, 4001.0) - free_energy(electrons, 3999.0)) / 2
    assert slope == pytest.approx(float(here.entropy_term) / temperature, rel=1e-6)


def test_derivative_of_the_band_free_energy_is_that_at_fixed_fermi_energy():
    # dF/dD_i at constant N: the weights of (energy - mu) f minus T times those of the entropy.
    dos = metallic_dos().requires_grad_()
    band = band_terms(dos, ENERGY, 6.0, 4000.0, broadening_variance=0.02)
    (gradient,) = torch.autograd.grad(band.band_energy + band.entropy_term, dos)
    f, energy, entropy = (
        occupation_weights(
            ENERGY, band.fermi_energy.detach(), 4000.0, quantity, broadening_variance=0.02
        )
        for quantity in ("electrons", "band_energy", "entropy")
    )
    expected = energy - band.fermi_energy.detach() * f
    expected = expected - BOLTZMANN_EV_PER_KELVIN * 4000.0 * entropy
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)


def test_total_is_the_sum_of_its_terms():
    terms = energy_terms_from_ldos(ldos(), ENERGY, **SETTINGS).as_floats()
    assert terms["total_free_energy"] == pytest.approx(
        terms["band_energy"]
        + terms["entropy_term"]
        - terms["hartree_energy"]
        + terms["exchange_correlation_energy"]
        - terms["exchange_correlation_potential_energy"]
        + terms["ewald_energy"],
        rel=1e-14,
    )
    assert terms["entropy_term"] < 0 < terms["hartree_energy"]


@pytest.mark.parametrize("functional", ["lda_pz", "lda_pw92", "pbe", "pbesol"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_term_is_extensive(functional, axis):
    settings = SETTINGS | {"functional": functional}
    once = energy_terms_from_ldos(ldos(), ENERGY, **settings).as_floats()
    repeats = [1, 1, 1, 1]
    repeats[axis] = 2
    cell = CELL.clone()
    cell[axis] *= 2
    doubled = settings | {
        "cell": cell,
        "positions": torch.cat([POSITIONS, POSITIONS + CELL[axis]]),
        "charges": CHARGES.repeat(2),
        "electrons": 12.0,
    }
    twice = energy_terms_from_ldos(ldos().repeat(repeats), ENERGY, **doubled).as_floats()
    assert twice.pop("fermi_energy") == pytest.approx(once.pop("fermi_energy"), abs=1e-10)
    for name, value in once.items():
        assert twice[name] == pytest.approx(2 * value, rel=1e-10), name


def test_core_density_enters_exchange_and_correlation_alone():
    plain = energy_terms_from_ldos(ldos(), ENERGY, **SETTINGS).as_floats()
    core = torch.full((4, 5, 3), 0.05, dtype=torch.float64)
    cored = energy_terms_from_ldos(ldos(), ENERGY, **SETTINGS, core_density=core).as_floats()
    changed = {name for name, value in plain.items() if cored[name] != value}
    assert changed == {
        "exchange_correlation_energy",
        "exchange_correlation_potential_energy",
        "total_free_energy",
    }


def test_the_total_free_energy_is_differentiable_in_the_ldos():
    values = ldos((2, 2, 2))[..., ::5].clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda d: (
            energy_terms_from_ldos(
                d, ENERGY[::5], **SETTINGS, bottom_tolerance=math.inf, create_graph=True
            ).total_free_energy
        ),
        (values,),
        eps=1e-6,
        atol=1e-5,
        fast_mode=True,
    )


def test_a_single_precision_ldos_gives_the_same_energy():
    double = energy_terms_from_ldos(ldos(), ENERGY, **SETTINGS).as_floats()
    single = energy_terms_from_ldos(ldos().float(), ENERGY, **SETTINGS).as_floats()
    assert single == pytest.approx(double, abs=2e-6)


def test_bad_input_is_refused():
    with pytest.raises(PhysicsError, match=r"the cell is charged(.|\n)*got: 5"):
        energy_terms_from_ldos(ldos(), ENERGY, **(SETTINGS | {"electrons": 5.0}))
    with pytest.raises(DataError, match=r"the LDOS is not on a grid(.|\n)*\[x, y, z, E\]"):
        energy_terms_from_ldos(ldos()[0], ENERGY, **SETTINGS)
    with pytest.raises(PhysicsError, match="check the unit of the LDOS"):
        energy_terms_from_ldos(ldos() * 0.1482, ENERGY, **SETTINGS)
