import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.emt import EMT
from hypothesis import given
from hypothesis import strategies as st

from surrogate_hpo.dft.thermal import thermal_displacements, thermal_frame
from surrogate_hpo.errors import ConfigError

ALUMINIUM = bulk("Al", "fcc", a=4.05, cubic=True)


def displaced(atoms: Atoms = ALUMINIUM, temperature: float = 298.0, seed: int = 0) -> Atoms:
    return thermal_displacements(
        atoms,
        temperature=temperature,
        debye_waller_b=0.86,
        reference_temperature=300.0,
        seed=seed,
    )


@pytest.mark.parametrize("temperature", [150.0, 900.0])
def test_displacements_have_the_debye_waller_variance(temperature):
    crystal = ALUMINIUM.repeat(8)
    moved = displaced(crystal, temperature).positions - crystal.positions
    variance = 0.86 / (8 * np.pi**2) * temperature / 300
    # 6144 components: the standard error of the variance is 1.8 %.
    assert moved.var() == pytest.approx(variance, rel=0.06)
    assert np.mean(moved**4) / moved.var() ** 2 == pytest.approx(3.0, rel=0.1)


@given(seed=st.integers(0, 2**32 - 1), temperature=st.floats(0, 2000))
def test_displacements_keep_the_centre_of_mass(seed, temperature):
    alloy = ALUMINIUM.copy()
    alloy.symbols[0] = "Au"
    centre = displaced(alloy, temperature, seed).get_center_of_mass()
    assert centre == pytest.approx(alloy.get_center_of_mass(), abs=1e-12)


def test_displacements_depend_on_the_seed_alone():
    assert np.array_equal(displaced(seed=3).positions, displaced(seed=3).positions)
    assert not np.allclose(displaced(seed=3).positions, displaced(seed=4).positions)
    assert np.array_equal(displaced(temperature=0.0).positions, ALUMINIUM.positions)


def test_displacements_scale_with_the_root_of_temperature():
    cold = displaced(temperature=100.0).positions - ALUMINIUM.positions
    hot = displaced(temperature=400.0).positions - ALUMINIUM.positions
    assert hot == pytest.approx(2 * cold, abs=1e-12)


def test_negative_temperature_is_refused():
    with pytest.raises(ConfigError, match=r"temperature >= 0 K.*\n.*-1.0 K"):
        displaced(temperature=-1.0)


def frame(seed: int, atoms: Atoms = ALUMINIUM, steps: int = 100) -> Atoms:
    return thermal_frame(
        atoms, temperature=600.0, time_step=4.0, equilibration_steps=steps, seed=seed
    )


def test_dynamics_is_exact_for_a_seed_and_differs_between_seeds():
    first = frame(1)
    assert np.array_equal(first.positions, frame(1).positions)
    assert not np.allclose(first.positions, frame(2).positions, atol=1e-3)
    assert first.calc is None


def test_dynamics_reaches_equipartition():
    crystal = ALUMINIUM.repeat((3, 3, 3))
    still = crystal.copy()
    still.calc = EMT()
    kinetic, potential = [], []
    for seed in range(2):
        moving = frame(seed, crystal)
        kinetic.append(moving.get_kinetic_energy())
        moving.calc = EMT()
        potential.append(moving.get_potential_energy() - still.get_potential_energy())
    thermal = 1.5 * units.kB * 600.0 * (len(crystal) - 1)
    # 642 degrees of freedom: standard error 5.6 % for kinetic energy; anharmonic potential.
    assert np.mean(kinetic) == pytest.approx(thermal, rel=0.17)
    assert np.mean(potential) == pytest.approx(thermal, rel=0.25)


@pytest.mark.parametrize("symbol", ["Be", "O"])
def test_elements_without_emt_are_named(symbol):
    with pytest.raises(
        ConfigError, match=rf"no EMT potential for {symbol}\n.*\n.*Al, Ni, Cu"
    ) as error:
        frame(0, Atoms(symbol, cell=[3, 3, 3], pbc=True))
    assert "Gaussian displacements" in str(error.value)


def test_too_short_dynamics_is_refused():
    with pytest.raises(ConfigError, match=r"too short.*\n.*>= 250 fs\n.*10 \* 4 fs"):
        frame(0, steps=10)
