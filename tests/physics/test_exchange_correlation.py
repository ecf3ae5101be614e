"""Exchange and correlation: closed forms, scaling, libxc's numbers, gradients, thresholds."""

import math

import pytest
import torch

from surrogate_hpo.errors import ConfigError, DataError, PhysicsError
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.physics.xc.functionals import (
    gradient_energy,
    is_gradient_corrected,
    local_energy,
)
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV

FUNCTIONALS = ("lda_pz", "lda_pw92", "pbe", "pbesol")
CELL = torch.tensor([[4.0, 0.2, 0.0], [-0.5, 5.0, 0.3], [0.1, 0.7, 3.0]], dtype=torch.float64)
VOLUME = float(torch.linalg.det(CELL))

# Energy per electron and d(n e)/dn at n = 0.5, 0.03, 0.002 bohr^-3 with |grad n| = 0.3, 0.02,
# 0.0008 bohr^-4, and d(n e)/d(sigma), from libxc 7.0.0 through PySCF 2.14.0 (GGA_X_PBE, GGA_C_PBE
# and so on; in hartree). Its PBE uses PW92 with more digits (A = 0.0310907), ours QE's 0.031091.
LIBXC = {
    "lda_pz": (
        (-0.6513098701, -0.2746141948, -0.1216389306),
        (-0.8544452, -0.35783359, -0.1580349),
        None,
    ),
    "lda_pw92": (
        (-0.6517632207, -0.2742826347, -0.1215120315),
        (-0.85515075, -0.35751437, -0.15781637),
        None,
    ),
    "pbe": (
        (-0.6518123381, -0.2746305357, -0.1216231744),
        (-0.85497696, -0.35638173, -0.15744167),
        (-5.36596933e-04, -4.92776365e-02, -7.62241700e-01),
    ),
    "pbesol": (
        (-0.6515440687, -0.2737152742, -0.1209357739),
        (-0.85538651, -0.35784996, -0.15835013),
        (1.08134881e-03, 2.84840832e-02, 1.45028699),
    ),
}


def smooth_density(shape=(6, 5, 4)):
    """A positive density in 1/Å³ with structure in every direction."""
    x, y, z = torch.meshgrid(
        *[2 * math.pi * torch.arange(n, dtype=torch.float64) / n for n in shape], indexing="ij"
    )
    return 0.2 + 0.08 * torch.cos(x) + 0.05 * torch.sin(y + z) + 0.03 * torch.cos(x - y)


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_energies_and_potentials_agree_with_libxc(functional):
    energies, potentials, gradients = LIBXC[functional]
    density = torch.tensor([0.5, 0.03, 0.002], dtype=torch.float64, requires_grad=True)
    sigma = torch.tensor([0.3, 0.02, 0.0008], dtype=torch.float64) ** 2
    sigma.requires_grad_()
    per_electron = local_energy(density, functional)
    if is_gradient_corrected(functional):
        per_electron = per_electron + gradient_energy(density, sigma, functional)
    (density * per_electron).sum().backward()
    assert per_electron.tolist() == pytest.approx(energies, abs=5e-7)
    assert density.grad.tolist() == pytest.approx(potentials, abs=5e-7)
    if gradients is not None:
        assert sigma.grad.tolist() == pytest.approx(gradients, rel=3e-5)


def test_correlation_of_the_uniform_gas_matches_monte_carlo():
    # Ceperley, Alder, Phys. Rev. Lett. 45, 566 (1980), in rydberg; both fits are within 1 mRy.
    monte_carlo = {1.0: -0.1197 / 2, 2.0: -0.0902 / 2, 5.0: -0.0563 / 2}
    for radius, expected in monte_carlo.items():
        density = torch.tensor(3 / (4 * math.pi * radius**3), dtype=torch.float64)
        exchange = -0.458165293 / radius
        for functional in ("lda_pz", "lda_pw92"):
            correlation = float(local_energy(density, functional)) - exchange
            assert correlation == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_uniform_gas(functional):
    density = torch.full((4, 3, 2), 0.18, dtype=torch.float64)
    energy, potential_energy = exchange_correlation(density, CELL, functional)
    local = "lda_pz" if functional == "lda_pz" else "lda_pw92"
    atomic = torch.tensor(0.18 * BOHR_ANGSTROM**3, dtype=torch.float64)
    per_electron = float(local_energy(atomic, local))
    assert float(energy) == pytest.approx(0.18 * VOLUME * per_electron * HARTREE_EV, rel=1e-12)
    step = 1e-5
    scaled = [(1 + s) * float(local_energy(atomic * (1 + s), local)) for s in (step, -step)]
    slope = (scaled[0] - scaled[1]) / (2 * step)
    assert float(potential_energy) == pytest.approx(0.18 * VOLUME * slope * HARTREE_EV, rel=1e-9)


@pytest.mark.parametrize("functional", FUNCTIONALS)
@pytest.mark.parametrize("with_core", [False, True])
def test_potential_energy_is_the_response_to_scaling_the_valence_density(functional, with_core):
    density = smooth_density()
    core = 0.5 * torch.roll(density, 2, dims=0) if with_core else None
    _, potential_energy = exchange_correlation(density, CELL, functional, core)
    step = 1e-5
    energies = [
        float(exchange_correlation(density * (1 + s), CELL, functional, core)[0])
        for s in (step, -step)
    ]
    slope = (energies[0] - energies[1]) / (2 * step)
    assert float(potential_energy) == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_invariance_under_translation_and_supercells(functional):
    density = smooth_density()
    once = exchange_correlation(density, CELL, functional)
    moved = exchange_correlation(torch.roll(density, (1, 2), (0, 2)), CELL, functional)
    twice = exchange_correlation(
        density.repeat(2, 1, 1), CELL * torch.tensor([[2.0], [1.0], [1.0]]), functional
    )
    for a, b, c in zip(once, moved, twice, strict=True):
        assert float(b) == pytest.approx(float(a), rel=1e-12)
        assert float(c) == pytest.approx(2 * float(a), rel=1e-12)


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_both_results_are_differentiable(functional):
    density = smooth_density((3, 3, 2)).requires_grad_()
    core = 0.3 * smooth_density((3, 3, 2)).detach()
    assert torch.autograd.gradcheck(
        lambda n: exchange_correlation(n, CELL, functional, core, create_graph=True),
        (density,),
        eps=1e-5,
        atol=1e-6,
    )


def test_no_graph_and_no_trace_on_the_input_unless_asked_for():
    density = smooth_density()
    for create_graph in (False, True):
        energy, _ = exchange_correlation(density, CELL, "pbe", create_graph=create_graph)
        assert not density.requires_grad
        assert math.isfinite(energy.item())
    assert not exchange_correlation(density.requires_grad_(), CELL, "pbe")[0].requires_grad


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_vacuum_and_slightly_negative_densities_stay_finite(functional):
    density = smooth_density((8, 4, 4))
    density[4:] = 0.0
    density[6, 2, 2] = -1e-5
    density.requires_grad_()
    energy, potential_energy = exchange_correlation(density, CELL, functional, create_graph=True)
    (gradient,) = torch.autograd.grad(energy + potential_energy, density)
    assert bool(torch.isfinite(gradient).all())
    assert energy.item() < 0


def test_gradient_correction_ends_at_the_threshold_of_quantum_espresso():
    # 1e-6 bohr^-3: below it the correction is left out, so PBE is PW92.
    thin = smooth_density() * 1e-6
    expected, _ = exchange_correlation(thin, CELL, "lda_pw92")
    assert float(exchange_correlation(thin, CELL, "pbe")[0]) == float(expected)


def test_the_cutoff_limits_the_gradient():
    density = smooth_density()
    local, _ = exchange_correlation(density, CELL, "lda_pw92")
    without_gradient, _ = exchange_correlation(density, CELL, "pbe", density_cutoff=1.0)
    assert float(without_gradient) == float(local)
    everything, _ = exchange_correlation(density, CELL, "pbe")
    sphere, _ = exchange_correlation(density, CELL, "pbe", density_cutoff=1000.0)
    assert float(sphere) == pytest.approx(float(everything), rel=1e-13)


def test_bad_input_is_refused():
    density = smooth_density()
    with pytest.raises(ConfigError, match=r"'b3lyp'(.|\n)*lda_pz, lda_pw92, pbe, pbesol"):
        exchange_correlation(density, CELL, "b3lyp")
    with pytest.raises(DataError, match="core density lies on another grid"):
        exchange_correlation(density, CELL, "pbe", density[:3])
    with pytest.raises(PhysicsError, match="the density is negative"):
        exchange_correlation(density - 0.2, CELL, "lda_pz")
    with pytest.raises(DataError, match="density holds values that are not finite"):
        exchange_correlation(density * math.nan, CELL, "lda_pz")
