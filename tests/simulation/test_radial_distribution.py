"""Radial distributions: an ideal gas, crystals, errors of the mean."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from surrogate_hpo.errors import ConfigError
from surrogate_hpo.simulation.radial_distribution import radial_distribution


def gas(seed: int, *, atoms: int = 200, edge: float = 12.0) -> Atoms:
    positions = np.random.default_rng(seed).uniform(0, edge, (atoms, 3))
    return Atoms("Al" * atoms, positions=positions, cell=edge * np.eye(3), pbc=True)


def test_atoms_at_random_have_one_everywhere():
    found = radial_distribution([gas(seed) for seed in range(40)], 5.0)
    assert len(found.distances) == 50
    far = found.distances > 1
    # Every atom has N - 1 others.
    assert found.values[far].mean() == pytest.approx(199 / 200, abs=0.01)
    assert np.abs(found.values[far] - 1).max() < 6 * found.standard_errors[far].max()


def test_a_crystal_has_its_shells():
    crystal = bulk("Al", "fcc", a=4.05, cubic=True)
    found = radial_distribution([crystal], 6.0)
    volume = crystal.get_volume() / 4
    lower, upper = found.distances - 0.05, found.distances + 0.05
    neighbours = found.values * 4 / 3 * np.pi * (upper**3 - lower**3) / volume
    shells = {2.8638: 12, 4.05: 6, 4.9602: 24, 5.7276: 12}
    for distance, number in shells.items():
        assert neighbours[int(distance / 0.1)] == pytest.approx(number)
    assert neighbours.sum() == pytest.approx(sum(shells.values()))
    assert np.isnan(found.standard_errors).all()
    assert found.structures == 1


def test_it_depends_on_no_cell_no_order_and_no_shift():
    atoms = bulk("Al", "fcc", a=4.05, cubic=True)
    atoms.rattle(0.1, seed=1)
    expected = radial_distribution([atoms], 5.0).values
    for other in (atoms.repeat((2, 1, 1)), atoms[[2, 0, 3, 1]]):
        np.testing.assert_allclose(radial_distribution([other], 5.0).values, expected, rtol=1e-12)
    atoms.positions += 1.234
    np.testing.assert_allclose(radial_distribution([atoms], 5.0).values, expected, rtol=1e-12)


def test_the_error_of_the_mean_is_that_of_its_scatter():
    means = [radial_distribution([gas(s) for s in range(8 * n, 8 * n + 8)], 4.0) for n in range(30)]
    scatter = np.std([one.values for one in means], axis=0, ddof=1)
    told = np.sqrt(np.mean([one.standard_errors**2 for one in means], axis=0))
    far = means[0].distances > 1.5
    np.testing.assert_allclose(told[far].mean() / scatter[far].mean(), 1, atol=0.15)


@pytest.mark.parametrize("distance", [0.0, -1.0, 31.0, np.nan])
def test_distances_that_make_no_sense_are_refused(distance):
    with pytest.raises(ConfigError, match=r"--rdf-largest-distance-angstrom(.|\n)*1 to 30 Å"):
        radial_distribution([gas(0)], distance)
