"""Pair potentials: derivatives, smooth ends, mixing, and a Morse fit that finds what made data."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from emt_data import alloy, aluminium

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.labelled import Labelled
from surrogate_hpo.potential.morse_fit import fit_morse
from surrogate_hpo.potential.pairs import pair_terms
from surrogate_hpo.potential.priors import Morse, Zbl

MORSE = Morse(("Al", "Cu"), (0.3, 0.5), (1.3, 1.7), (2.8, 2.5), 4.2)
PRIORS = [MORSE, Zbl(("Al", "Cu"), 3.2, 4.2)]
FIRST, SECOND = np.array([0]), np.array([1])


def kinds(atoms: Atoms) -> np.ndarray:
    return np.array([("Al", "Cu").index(symbol) for symbol in atoms.symbols])


@pytest.mark.parametrize("prior", PRIORS)
def test_slopes_are_derivatives_and_the_end_is_smooth(prior):
    # Not across the place where the switching of ZBL begins.
    for r in (0.3, 1.1, 2.0, 2.9, 3.5, 4.0):
        ends = [prior.radial(FIRST, SECOND, np.array([r + s * 1e-5]))[0][0] for s in (1, -1)]
        slope = prior.radial(FIRST, SECOND, np.array([r]))[1][0]
        assert slope == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-8)
    energy, slope = prior.radial(FIRST, SECOND, np.array([4.2 - 1e-6]))
    assert abs(energy[0]) < 1e-10
    assert abs(slope[0]) < 1e-5
    close, far = prior.radial(FIRST, SECOND, np.array([0.5]))[0], 2.5
    assert close[0] > prior.radial(FIRST, SECOND, np.array([far]))[0][0] + 5


def test_unlike_pairs_have_the_means_of_their_elements():
    assert MORSE.of_pair(0, 1) == pytest.approx((0.4, 1.5, 2.65))


@pytest.mark.parametrize("prior", PRIORS)
def test_forces_and_strain_of_a_structure_equal_finite_differences(prior):
    atoms = alloy(1).atoms
    found = pair_terms(atoms, kinds(atoms), prior)

    def energy(shift=0.0, strain=0.0):
        moved = atoms.copy()
        moved.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        moved.positions += shift
        return pair_terms(moved, kinds(atoms), prior).energy

    scale = np.abs(found.forces).max()
    for index in range(12):
        step = np.zeros(12)
        step[index] = 1e-5
        step = step.reshape(4, 3)
        expected = -(energy(step) - energy(-step)) / 2e-5
        assert found.forces.flat[index] == pytest.approx(expected, abs=1e-6 * scale)
    for index in range(9):
        step = np.zeros(9)
        step[index] = 1e-6
        step = step.reshape(3, 3)
        expected = (energy(strain=step) - energy(strain=-step)) / 2e-6
        assert found.strain.flat[index] == pytest.approx(expected, abs=1e-5 * scale * 4)


def test_atoms_in_one_place_are_named():
    atoms = Atoms("Al2", positions=[[1.0, 1, 1], [1, 1, 1]], cell=np.eye(3) * 8, pbc=True)
    with pytest.raises(DataError, match=r"two atoms are in one place(.|\n)*atoms 0 and 1"):
        pair_terms(atoms, np.zeros(2, int), MORSE)


def made_by(prior: Morse, seed: int) -> Labelled:
    atoms = bulk("Al", "fcc", a=4.0, cubic=True)
    atoms.set_cell(atoms.cell * (0.96 + 0.01 * seed), scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    found = pair_terms(atoms, np.zeros(4, int), prior)
    return Labelled(atoms, str(seed), found.energy - 4 * 50.0, found.forces)


def test_a_morse_potential_is_found_again():
    # On the grid of the fit: 1.1 times the sum of covalent radii, 1.7 / Å.
    hidden = Morse(("Al",), (0.42,), (1.7,), (2.42 * 1.1,), 4.5)
    found = fit_morse([made_by(hidden, seed) for seed in range(6)], ("Al",), 4.5)
    assert found.depth == pytest.approx(hidden.depth, rel=1e-6)
    assert found.steepness + found.length == pytest.approx(hidden.steepness + hidden.length)


def test_of_what_is_no_morse_potential_the_fit_is_bounded_and_repels():
    for data, elements in (
        ([aluminium(seed) for seed in range(4)], ("Al",)),
        ([alloy(seed) for seed in range(6)], ("Al", "Cu")),
    ):
        found = fit_morse(data, elements, 4.0)
        assert all(0.05 <= depth <= 5 for depth in found.depth)
        energy, slope = found.radial(FIRST * 0, FIRST * 0, np.array([1.0]))
        assert energy[0] > 1
        assert slope[0] < -1
