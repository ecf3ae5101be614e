"""The Fermi energy: exact electron count, closed forms, gradients, refusals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics.fermi import fermi_energy
from surrogate_hpo.physics.quadrature import occupation_weights

ENERGY = torch.linspace(-6, 13, 96, dtype=torch.float64)


def metallic_dos(seed=0):
    """Free-electron-like DOS that starts smoothly at -3 eV, with noise on top."""
    noise = torch.rand(96, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    onset = torch.sigmoid((ENERGY + 2) / 0.2)
    return onset * torch.sqrt((ENERGY + 3).clamp_min(0)) * (0.5 + noise)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**20),
    filling=st.floats(0.05, 0.5),
    temperature=st.floats(1, 4).map(lambda exponent: 10**exponent),
    variance=st.sampled_from([None, 0.0, 0.02, 0.125]),
)
def test_the_occupied_states_hold_exactly_the_electrons(seed, filling, temperature, variance):
    # The kernel smooths a DOS that is corrected for it; noise alone would not be consistent.
    dos = torch.nn.functional.conv1d(
        metallic_dos(seed)[None, None], torch.full((1, 1, 9), 1 / 9, dtype=torch.float64), padding=4
    )[0, 0]
    electrons = filling * float(torch.trapezoid(dos, ENERGY))
    mu = fermi_energy(dos, ENERGY, electrons, temperature, broadening_variance=variance)
    weights = occupation_weights(ENERGY, mu, temperature, "electrons", broadening_variance=variance)
    assert float(weights @ dos) == pytest.approx(electrons, rel=1e-12)


def test_constant_dos_fills_like_a_box():
    # A ramp over the first interval, then 2 states per eV: half of the ramp's states are lost.
    dos = torch.full_like(ENERGY, 2.0)
    dos[0] = 0
    bottom = -6 + 0.5 * float(ENERGY[1] - ENERGY[0])
    mu = fermi_energy(dos, ENERGY, 20.0, 500.0)
    assert float(mu) == pytest.approx(bottom + 10, abs=1e-11)


def test_a_shift_of_the_energy_axis_shifts_the_fermi_energy():
    dos = metallic_dos()
    mu = fermi_energy(dos, ENERGY, 12.0, 1000.0, broadening_variance=0.02)
    shifted = fermi_energy(dos, ENERGY + 3.21, 12.0, 1000.0, broadening_variance=0.02)
    assert float(shifted - mu) == pytest.approx(3.21, abs=1e-10)


@pytest.mark.parametrize("variance", [None, 0.02])
def test_gradient_is_that_of_the_implicit_function(variance):
    dos = metallic_dos().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda d: fermi_energy(
            d, ENERGY, 12.0, 3000.0, broadening_variance=variance, bottom_tolerance=math.inf
        ),
        (dos,),
        eps=1e-5,
        atol=1e-8,
        fast_mode=True,
    )


@pytest.mark.parametrize("variance", [None, 0.125])
@pytest.mark.parametrize("share", [1 - 1e-9, 1 - 1e-6, 1 - 1e-4])
def test_a_window_that_just_holds_the_electrons_is_refused_in_words(share, variance):
    """Quadratures of states and of electrons differ a little: a root need not exist."""
    dos = metallic_dos() * torch.cos(40 * ENERGY) ** 2
    electrons = share * float(torch.trapezoid(dos, ENERGY))
    with pytest.raises(PhysicsError, match="energy window"):
        fermi_energy(dos, ENERGY, electrons, 3000.0, broadening_variance=variance)


def test_a_window_that_cannot_hold_the_electrons_says_how_many_it_holds():
    dos = metallic_dos()
    capacity = float(torch.trapezoid(dos, ENERGY))
    with pytest.raises(PhysicsError, match=f"cannot hold the electrons(.|\n)*got: {capacity:.6g}"):
        fermi_energy(dos, ENERGY, 1.5 * capacity, 300.0)


def test_a_window_that_ends_too_low_says_where_it_should_end():
    dos = metallic_dos()
    electrons = float(torch.trapezoid(dos, ENERGY)) - 3
    with pytest.raises(PhysicsError, match=r"too close to the top(.|\n)*extend .* to 1\d\.\d\d eV"):
        fermi_energy(dos, ENERGY, electrons, 5000.0)


def test_states_cut_at_the_bottom_are_refused_unless_tolerated():
    dos = metallic_dos()
    dos[0] = 0.5
    with pytest.raises(PhysicsError, match="states are cut at the bottom"):
        fermi_energy(dos, ENERGY, 12.0, 300.0)
    mu = fermi_energy(dos, ENERGY, 12.0, 300.0, bottom_tolerance=math.inf)
    assert -6 < float(mu) < 13


def test_a_dos_that_is_full_at_the_bottom_is_refused():
    """As a network may predict it that never saw such a structure."""
    with pytest.raises(PhysicsError, match="lowest energies of the window alone"):
        fermi_energy(torch.full_like(ENERGY, 50.0), ENERGY, 2.0, 5000.0, bottom_tolerance=math.inf)


def test_a_gap_does_not_determine_the_fermi_energy():
    dos = torch.zeros_like(ENERGY)
    dos[20:40] = 2.0
    dos[60:80] = 2.0
    held = float(torch.trapezoid(dos[:50], ENERGY[:50]))
    with pytest.raises(PhysicsError, match="not determined by the density of states"):
        fermi_energy(dos, ENERGY, held, 50.0)


@pytest.mark.parametrize(
    ("dos", "electrons", "message"),
    [
        (torch.ones(5, dtype=torch.float64), 12.0, "do not fit each other"),
        (torch.full((96,), math.nan, dtype=torch.float64), 12.0, "96 of 96 are NaN or infinite"),
        (torch.ones(96, dtype=torch.float32), 12.0, r"dos\.to\(torch\.float64\)"),
        (metallic_dos(), 0.0, "number of electrons is not positive"),
    ],
)
def test_bad_input_is_refused(dos, electrons, message):
    with pytest.raises(DataError, match=message):
        fermi_energy(dos, ENERGY, electrons, 300.0)
