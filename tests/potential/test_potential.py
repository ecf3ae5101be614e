"""The linear SNAP potential: features, ridge, leave-one-out in closed form, and refusals."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.choice import FORCE_WEIGHTS, choose_linear_snap
from surrogate_hpo.potential.features import (
    AtomDescriptor,
    elements_of,
    energy_features,
    force_features,
)
from surrogate_hpo.potential.linear_snap import LinearSnap, fit_linear_snap
from surrogate_hpo.potential.ridge import Ridge

ALUMINIUM = AtomDescriptor(4.6, 4, ("Al",))
SALT = AtomDescriptor(4.6, 4, ("Na", "Cl"))


def rattled(atoms: Atoms, seed: int, size: float = 0.15) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(size, seed=seed)
    return atoms


def aluminium(seed: int = 0) -> Atoms:
    return rattled(bulk("Al", cubic=True), seed)


def salt(seed: int = 0) -> Atoms:
    return rattled(bulk("NaCl", "rocksalt", a=4.4, cubic=True), seed)


CASES = [(aluminium, ALUMINIUM), (salt, SALT)]


# --- features ---


def test_an_atom_is_no_neighbour_of_itself():
    lonely = Atoms("Al", cell=[30, 30, 30], pbc=True)
    features = energy_features(lonely, ALUMINIUM)
    nothing = bispectrum(
        [[15.0, 15, 15]], [[0.0, 0, 0]], lonely.cell[:], cutoff_radius=4.6, twojmax=4
    )
    assert features[0] == 1
    assert features[1:] == pytest.approx(nothing[0])


def test_its_images_are_its_neighbours():
    one = Atoms("Al", cell=[3.0, 3.0, 3.0], pbc=True)
    assert energy_features(one * (2, 2, 2), ALUMINIUM) == pytest.approx(
        8 * energy_features(one, ALUMINIUM)
    )


@pytest.mark.parametrize(("structure", "descriptor"), CASES)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_symmetries(structure, descriptor, seed):
    atoms, generator = structure(seed), np.random.default_rng(seed)
    expected = energy_features(atoms, descriptor)
    turned, moved = atoms.copy(), atoms.copy()
    rotation = Rotation.random(random_state=seed).as_matrix()
    turned.set_cell(atoms.cell[:] @ rotation.T, scale_atoms=True)
    moved.positions += generator.normal(size=3)
    moved.wrap()
    permuted = atoms[generator.permutation(len(atoms))]
    for other in (turned, moved, permuted):
        assert energy_features(other, descriptor) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("structure", "descriptor"), CASES)
def test_a_supercell_has_as_many_times_the_features(structure, descriptor):
    atoms = structure()
    larger = make_supercell(atoms, [[1, 1, 0], [0, 2, 0], [0, 0, 1]])
    assert energy_features(larger, descriptor) == pytest.approx(
        2 * energy_features(atoms, descriptor), rel=1e-9
    )


def test_elements_are_told_apart():
    atoms = salt()
    swapped = atoms.copy()
    swapped.symbols = ["Cl" if symbol == "Na" else "Na" for symbol in atoms.symbols]
    one, other = energy_features(atoms, SALT), energy_features(swapped, SALT)
    assert one[:2].tolist() == other[:2].tolist() == [4, 4]
    assert not np.allclose(one, other, rtol=1e-3)
    assert elements_of([atoms, aluminium()]) == ("Na", "Al", "Cl")
    assert SALT.features == 2 + 2 * 14


def test_an_unknown_element_is_refused():
    with pytest.raises(DataError, match=r"nothing of an element(.|\n)*Na, Cl(.|\n)*got: Al"):
        energy_features(aluminium(), SALT)


@pytest.mark.parametrize(
    ("structure", "descriptor"), [*CASES, (lambda: rattled(bulk("Al") * (1, 1, 2), 3), ALUMINIUM)]
)
def test_force_features_are_the_derivatives(structure, descriptor):
    atoms, step = structure(), 1e-4
    rows = force_features(atoms, descriptor)
    scale = np.abs(rows).max()
    for index in range(3 * len(atoms)):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[index // 3, index % 3] += sign * step
            ends.append(energy_features(moved, descriptor))
        expected = -(ends[0] - ends[1]) / (2 * step)
        assert rows[index] == pytest.approx(expected, abs=1e-6 * scale)
    assert rows.reshape(len(atoms), 3, -1).sum(axis=0) == pytest.approx(0, abs=1e-9 * scale)


# --- the fit ---


def truth(descriptor: AtomDescriptor) -> np.ndarray:
    """Coefficients of a potential of nature's, as smooth as a fit may hope."""
    generator = np.random.default_rng(7)
    return generator.normal(size=descriptor.features) / np.arange(1, descriptor.features + 1)


@pytest.mark.parametrize(("structure", "descriptor"), CASES)
def test_energies_that_are_linear_in_the_features_are_found(structure, descriptor):
    structures = [structure(seed) for seed in range(45)]
    features = [energy_features(atoms, descriptor) for atoms in structures]
    energies = [float(row @ truth(descriptor)) - 50.0 * len(structure()) for row in features]
    fit = fit_linear_snap(energies[:40], features[:40], counts=descriptor.counts)
    predicted = [row @ fit.coefficients for row in features[40:]]
    spread = np.std(energies)
    assert predicted == pytest.approx(energies[40:], abs=1e-3 * spread)
    assert fit.leave_one_out_rmse * len(structure()) < 1e-3 * spread


def test_sizes_and_compositions_are_predicted_from_each_other():
    descriptor = AtomDescriptor(4.6, 2, ("Na", "Cl"))
    structures = [salt(seed) for seed in range(12)]
    for atoms in structures[:6]:
        del atoms[0]
    features = [energy_features(atoms, descriptor) for atoms in structures]
    energies = [float(row @ truth(descriptor)) - 40 * row[0] - 9 * row[1] for row in features]
    fit = fit_linear_snap(energies, features, counts=2)
    larger = salt(99) * (2, 1, 1)
    row = energy_features(larger, descriptor)
    expected = row @ truth(descriptor) - 40 * row[0] - 9 * row[1]
    assert row @ fit.coefficients == pytest.approx(expected, abs=0.02 * len(larger))


def test_leaving_one_out_has_a_closed_form():
    generator = np.random.default_rng(3)
    rows, free = generator.normal(size=(12, 5)), np.ones((12, 1))
    target = generator.normal(size=12)
    ridge = Ridge(target, free, rows, [slice(i, i + 1) for i in range(12)])
    scale = np.linalg.norm(rows - rows.mean(axis=0), axis=0)
    for fit in ridge.fits([1e-3, 0.3]):
        found = np.concatenate(fit.left_out)
        expected = [explicit(target, free, rows, scale, fit.penalty, [i])[0] for i in range(12)]
        assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("columns", [3, 30])
def test_the_closed_form_holds_for_fits_that_meet_every_target(columns):
    generator = np.random.default_rng(5)
    rows, free, target = generator.normal(size=(8, columns)), np.ones((8, 1)), np.arange(8.0) ** 2
    groups = [slice(i, i + 1) for i in range(8)]
    (fit,) = Ridge(target, free, rows, groups).fits([1e-7])
    scale = np.linalg.norm(rows - rows.mean(axis=0), axis=0)
    expected = [explicit(target, free, rows, scale, 1e-7, [i])[0] for i in range(8)]
    assert np.concatenate(fit.left_out) == pytest.approx(expected, rel=1e-4)


def test_leaving_a_structure_and_its_forces_out_has_one_too():
    generator = np.random.default_rng(4)
    rows, free = generator.normal(size=(20, 6)), np.zeros((20, 1))
    free[::4] = 1.0
    target = generator.normal(size=20)
    groups = [slice(i, i + 4) for i in range(0, 20, 4)]
    beyond = rows - free @ np.linalg.lstsq(free, rows)[0]
    scale = np.linalg.norm(beyond, axis=0)
    (fit,) = Ridge(target, free, rows, groups).fits([0.05])
    for group, found in zip(groups, fit.left_out, strict=True):
        left = list(range(20)[group])
        assert found == pytest.approx(explicit(target, free, rows, scale, 0.05, left), rel=1e-9)


def explicit(target, free, rows, scale, penalty, left):
    """Residual of the rows that were left out, by a fit to the others."""
    kept = [i for i in range(len(target)) if i not in left]
    design = np.hstack([free, rows])
    weight = np.concatenate([np.zeros(free.shape[1]), penalty * scale**2])
    normal = design[kept].T @ design[kept] + np.diag(weight)
    return target[left] - design[left] @ np.linalg.solve(normal, design[kept].T @ target[kept])


def test_the_unit_of_a_feature_does_not_matter():
    features = [energy_features(aluminium(seed), ALUMINIUM) for seed in range(10)]
    energies = [float(np.sin(row[3])) for row in features]
    scaled = [np.concatenate([row[:1], 1e3 * row[1:]]) for row in features]
    one, other = (fit_linear_snap(energies, rows, counts=1) for rows in (features, scaled))
    assert one.penalty == other.penalty
    assert one.left_out_errors == pytest.approx(other.left_out_errors, rel=1e-6, abs=1e-9)


def test_forces_help_where_energies_are_few():
    structures = [aluminium(seed) for seed in range(12)]
    features = [energy_features(atoms, ALUMINIUM) for atoms in structures]
    rows = [force_features(atoms, ALUMINIUM) for atoms in structures]
    hidden = truth(ALUMINIUM)
    energies = [float(row @ hidden) for row in features]
    forces = [(row @ hidden).reshape(-1, 3) for row in rows]
    few = slice(0, 4)
    alone = fit_linear_snap(energies[few], features[few], counts=1)
    both = fit_linear_snap(
        energies[few], features[few], counts=1, forces=forces[few], force_rows=rows[few]
    )

    def error(fit):
        return np.abs(
            [row @ fit.coefficients for row in features[4:]] - np.array(energies[4:])
        ).max()

    assert error(both) < 0.01 * error(alone)
    potential = LinearSnap(ALUMINIUM, both)
    assert potential.forces(structures[8]) == pytest.approx(forces[8], abs=1e-3)
    assert potential.energy(structures[8]) == pytest.approx(energies[8], abs=1e-2)


def test_the_descriptor_that_predicts_left_out_structures_best_is_chosen():
    structures = [aluminium(seed) for seed in range(30)]
    good, poor = AtomDescriptor(4.6, 4, ("Al",)), AtomDescriptor(3.0, 2, ("Al",))
    energies = [float(energy_features(atoms, good) @ truth(good)) for atoms in structures]
    for order in ((good, poor), (poor, good)):
        chosen = choose_linear_snap(structures, energies, order)
        assert chosen.descriptor == good
    assert chosen.fit.leave_one_out_rmse == pytest.approx(
        np.sqrt(np.mean(chosen.fit.left_out_errors**2))
    )


def test_rows_of_forces_can_be_reduced_without_a_change():
    structures = [rattled(bulk("Al", cubic=True) * (2, 1, 1), seed) for seed in range(5)]
    features = [energy_features(atoms, ALUMINIUM) for atoms in structures]
    rows = [force_features(atoms, ALUMINIUM) for atoms in structures]
    generator = np.random.default_rng(2)
    energies = generator.normal(size=5)
    forces = [generator.normal(size=(8, 3)) for _ in structures]
    assert len(rows[0]) > ALUMINIUM.features + 1
    fit = fit_linear_snap(
        energies, features, counts=1, forces=forces, force_rows=rows, penalties=[1e-3]
    )
    blocks = [
        np.vstack([e / 8, r * 0.1 * (5 / 120) ** 0.5]) for e, r in zip(features, rows, strict=True)
    ]
    targets = [
        np.append(energy / 8, force.ravel() * 0.1 * (5 / 120) ** 0.5)
        for energy, force in zip(energies, forces, strict=True)
    ]
    design, target = np.vstack(blocks) / 5**0.5, np.concatenate(targets) / 5**0.5
    ends = np.arange(0, 126, 25)
    groups = [slice(begin, begin + 25) for begin in ends[:-1]]
    (full,) = Ridge(target, design[:, :1], design[:, 1:], groups).fits([1e-3])
    assert fit.coefficients == pytest.approx(np.append(full.free, full.penalised), rel=1e-8)
    left_out = [-(5**0.5) * errors[0] for errors in full.left_out]
    assert fit.left_out_errors == pytest.approx(left_out, rel=1e-8)


def test_descriptor_and_weight_are_chosen_with_forces():
    structures = [aluminium(seed) for seed in range(6)]
    good, poor = AtomDescriptor(4.6, 4, ("Al",)), AtomDescriptor(3.0, 2, ("Al",))
    hidden = truth(good)
    energies = [float(energy_features(atoms, good) @ hidden) for atoms in structures]
    forces = [(force_features(atoms, good) @ hidden).reshape(-1, 3) for atoms in structures]
    alone = choose_linear_snap(structures, energies, [poor, good])
    both = choose_linear_snap(structures, energies, [poor, good], forces)
    assert both.descriptor == good
    assert alone.fit.force_weight == 0
    assert both.fit.force_weight in FORCE_WEIGHTS
    assert both.fit.leave_one_out_rmse < 0.01 * alone.fit.leave_one_out_rmse
    some = choose_linear_snap(structures, energies, [good], [*forces[:3], *[np.empty((0, 3))] * 3])
    assert some.fit.leave_one_out_rmse < 0.1 * alone.fit.leave_one_out_rmse
    assert both.forces(aluminium(9)) == pytest.approx(
        (force_features(aluminium(9), good) @ hidden).reshape(-1, 3), abs=0.01
    )


# --- degenerate and bad inputs ---


def test_equal_energies_give_that_energy():
    features = [energy_features(aluminium(seed), ALUMINIUM) for seed in range(5)]
    fit = fit_linear_snap([-40.0] * 5, features, counts=1)
    assert features[0] @ fit.coefficients == pytest.approx(-40.0, abs=1e-6)
    assert fit.leave_one_out_rmse == pytest.approx(0, abs=1e-8)


def test_equal_structures_give_their_mean_energy():
    features = [energy_features(bulk("Al"), ALUMINIUM)] * 4
    fit = fit_linear_snap([-1.0, -2.0, -3.0, -4.0], features, counts=1)
    assert features[0] @ fit.coefficients == pytest.approx(-2.5)


def test_a_composition_that_occurs_once_cannot_be_left_out():
    atoms = [salt(seed) for seed in range(5)]
    del atoms[0][0]
    features = [energy_features(one, SALT) for one in atoms]
    fit = fit_linear_snap([-30.0 - seed for seed in range(5)], features, counts=2)
    assert np.isnan(fit.left_out_errors).tolist() == [True, False, False, False, False]
    assert np.isfinite(fit.leave_one_out_rmse)


def test_too_few_structures_are_refused():
    features = [energy_features(aluminium(seed), ALUMINIUM) for seed in range(2)]
    with pytest.raises(DataError, match=r"so few structures(.|\n)*at least 3(.|\n)*got: 2"):
        fit_linear_snap([1.0, 2.0], features, counts=1)
    with pytest.raises(DataError, match="so few structures"):
        choose_linear_snap([], [], [ALUMINIUM])


def test_structures_that_say_nothing_of_each_other_are_refused():
    rows = [np.concatenate([np.eye(3)[i], np.ones(2)]) for i in range(3)]
    with pytest.raises(DataError, match="no structure can be predicted from the others"):
        fit_linear_snap([1.0, 2.0, 3.0], rows, counts=3)


def test_numbers_that_are_none_and_shapes_that_do_not_fit_are_refused():
    features = [energy_features(aluminium(seed), ALUMINIUM) for seed in range(3)]
    with pytest.raises(DataError, match=r"not finite(.|\n)*leave out structures"):
        fit_linear_snap([1.0, float("nan"), 2.0], features, counts=1)
    forces = [np.zeros((4, 3))] * 3
    rows = [np.zeros((11, ALUMINIUM.features))] * 3
    with pytest.raises(DataError, match="do not fit together"):
        fit_linear_snap([1.0, 2.0, 3.0], features, counts=1, forces=forces, force_rows=rows)
    with pytest.raises(DataError, match="4 energies, 3 rows of features"):
        fit_linear_snap([1.0, 2.0, 3.0, 4.0], features, counts=1)
