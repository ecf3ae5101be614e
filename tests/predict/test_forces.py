"""Forces and stress: against finite differences of the free energy that predictions give."""

import numpy as np
import pytest
import torch
from ase.build import make_supercell
from force_case import (
    CONDITIONS,
    compound,
    double,
    free_energies,
    inside,
    moved,
    slope,
    strained,
    triclinic,
    with_components_of_the_cell,
)
from scipy.spatial.transform import Rotation
from small_surrogate import aluminium, small_surrogate

from surrogate_hpo.physics.ewald import Ions, ewald_energy, ewald_gradient
from surrogate_hpo.physics.forces import free_energy_gradient
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.reciprocal import COULOMB_EV_ANGSTROM
from surrogate_hpo.physics.structure_integrals import electron_slope
from surrogate_hpo.physics.total_energy import energy_terms_from_ldos
from surrogate_hpo.physics.xc.exchange_correlation import exchange_correlation
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.predict.prediction import predict_structure

FUNCTIONALS = ("lda_pz", "lda_pw92", "pbe", "pbesol")
# Relative to the largest force, and to the largest component of the stress.
TOLERANCE = 1e-6


def derivatives(surrogate, atoms, folder, scope="each", conditions=CONDITIONS):
    return predict_structure(surrogate, atoms, conditions, folder, forces=scope).derivatives


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_forces_and_stress_are_derivatives_of_the_energy(tmp_path, functional, core):
    seed = 20 + 2 * FUNCTIONALS.index(functional) + core
    surrogate, atoms = compound(functional=functional, core=core), triclinic(seed)
    found = derivatives(surrogate, atoms, tmp_path)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        direction = rng.normal(size=(4, 3))
        expected = -slope(
            lambda x, d=direction: free_energies(surrogate, moved(atoms, x * d), tmp_path), 1e-4
        )
        got = np.einsum("nij,ij->n", found.forces_per_network, direction)
        largest = np.abs(found.forces_per_network).max()
        np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * largest)
        strain = rng.normal(size=(3, 3))  # with a rotation, which changes nothing
        assert len({inside(strained(atoms, x * strain)) for x in (-1e-4, 0, 1e-4)}) == 1
        expected = slope(
            lambda x, s=strain: free_energies(surrogate, strained(atoms, x * s), tmp_path), 5e-5
        )
        got = np.einsum("nij,ij->n", found.stress_per_network, strain)
        largest = np.abs(found.stress_per_network).max()
        np.testing.assert_allclose(
            got, expected / atoms.get_volume(), rtol=0, atol=TOLERANCE * largest
        )


def test_what_goes_through_components_of_the_cell_is_part_of_forces_and_stress(tmp_path):
    atoms = triclinic(7)
    surrogate = with_components_of_the_cell(compound(functional="pbe", core=True), atoms)
    found = derivatives(surrogate, atoms, tmp_path)
    rng = np.random.default_rng(7)
    direction, strain = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    expected = -slope(
        lambda x: free_energies(surrogate, moved(atoms, x * direction), tmp_path), 1e-4
    )
    got = np.einsum("nij,ij->n", found.forces_per_network, direction)
    largest = np.abs(found.forces_per_network).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * largest)
    assert len({inside(strained(atoms, x * strain)) for x in (-1e-4, 0, 1e-4)}) == 1
    expected = slope(
        lambda x: free_energies(surrogate, strained(atoms, x * strain), tmp_path), 5e-5
    )
    got = np.einsum("nij,ij->n", found.stress_per_network, strain) * atoms.get_volume()
    largest = np.abs(found.stress_per_network).max() * atoms.get_volume()
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE * largest)


def test_each_component_of_forces_and_stress(tmp_path):
    surrogate, atoms = compound(functional="pbe", core=True, seeds=1), triclinic(0)
    found = derivatives(surrogate, atoms, tmp_path)
    expected = [
        -slope(lambda x, u=u: free_energies(surrogate, moved(atoms, x * u), tmp_path), 1e-4)[0]
        for u in np.eye(12).reshape(12, 4, 3)
    ]
    largest = np.abs(expected).max()
    np.testing.assert_allclose(found.forces.ravel(), expected, rtol=0, atol=TOLERANCE * largest)
    expected = [
        slope(lambda x, e=e: free_energies(surrogate, strained(atoms, x * e), tmp_path), 5e-5)[0]
        for e in np.eye(9).reshape(9, 3, 3)
    ]
    expected = np.array(expected).reshape(3, 3) / atoms.get_volume()
    np.testing.assert_allclose(
        found.stress, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max()
    )


def test_the_mean_over_the_networks_and_their_spread(tmp_path):
    surrogate, atoms = compound(functional="pbe", core=True, seeds=3), triclinic(1)
    each, mean = (derivatives(surrogate, atoms, tmp_path, scope) for scope in ("each", "mean"))
    for name in ("forces", "stress"):
        values = getattr(each, f"{name}_per_network")
        assert len(values) == 3
        np.testing.assert_allclose(getattr(each, name), values.mean(0), atol=1e-12)
        np.testing.assert_allclose(getattr(mean, name), values.mean(0), atol=1e-9)
        np.testing.assert_allclose(getattr(each, f"{name}_std"), values.std(0, ddof=1))
        assert getattr(mean, f"{name}_std") is None
        assert getattr(mean, f"{name}_per_network") is None
    assert each.forces_std.min() > 0


def test_one_network_has_no_spread(tmp_path):
    found = derivatives(small_surrogate(seeds=1), aluminium(1), tmp_path, conditions=Conditions())
    assert found.forces_std is None
    assert found.stress_std is None


def test_no_derivatives_unless_asked_for(tmp_path):
    found = predict_structure(small_surrogate(seeds=1), aluminium(1), Conditions(), tmp_path)
    assert found.derivatives is None


def test_single_precision_is_enough(tmp_path):
    surrogate = small_surrogate(functional="pbe", core=True)
    single, exact = (
        derivatives(which, aluminium(2), tmp_path, conditions=Conditions())
        for which in (surrogate, double(surrogate))
    )
    np.testing.assert_allclose(single.forces, exact.forces, rtol=0, atol=1e-6)
    np.testing.assert_allclose(single.stress, exact.stress, rtol=0, atol=1e-6)


def test_turned_atoms_have_turned_forces(tmp_path):
    surrogate, atoms = compound(functional="pbe", core=True), triclinic(3)
    turn = Rotation.random(rng=np.random.default_rng(5)).as_matrix()
    turned = atoms.copy()
    turned.set_cell(atoms.cell[:] @ turn)
    turned.positions = atoms.positions @ turn
    here, there = (derivatives(surrogate, which, tmp_path) for which in (atoms, turned))
    np.testing.assert_allclose(there.forces, here.forces @ turn, rtol=0, atol=1e-8)
    np.testing.assert_allclose(there.stress, turn.T @ here.stress @ turn, rtol=0, atol=1e-9)


def test_moved_by_a_grid_point_and_renumbered_atoms_have_the_same_forces(tmp_path):
    surrogate, atoms = compound(functional="lda_pz", core=True), triclinic(4)
    here = derivatives(surrogate, atoms, tmp_path)
    there = atoms.copy()
    there.positions += 2 * atoms.cell[0] / CONDITIONS.grid[0] - 3 * atoms.cell[2]
    found = derivatives(surrogate, there[::-1], tmp_path)
    np.testing.assert_allclose(found.forces[::-1], here.forces, rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.stress, here.stress, rtol=0, atol=1e-9)


def test_forces_sum_to_zero_but_for_the_grid(tmp_path):
    surrogate, atoms = compound(functional="pbe", core=True), triclinic(6)
    sums = []
    for points in (10, 20):
        conditions = Conditions(grid=(points, points, points))
        forces = derivatives(surrogate, atoms, tmp_path, conditions=conditions).forces
        sums.append(np.abs(forces.sum(0)).max() / np.abs(forces).max())
    assert sums[1] < sums[0] / 3
    assert sums[1] < 1e-3


@pytest.mark.parametrize("core", [False, True])
def test_a_supercell_repeats_the_forces_and_keeps_the_stress(tmp_path, core):
    surrogate = double(small_surrogate(functional="pbe", core=core))
    atoms = aluminium(1)
    larger = make_supercell(atoms, np.diag([2, 1, 2]))
    here, there = (
        derivatives(surrogate, which, tmp_path, "mean", Conditions()) for which in (atoms, larger)
    )
    np.testing.assert_allclose(there.forces, np.tile(here.forces, (4, 1)), rtol=0, atol=1e-8)
    np.testing.assert_allclose(there.stress, here.stress, rtol=0, atol=1e-9)


def test_blocks_and_threads_change_rounding_only(tmp_path):
    surrogate, atoms = compound(functional="pbe", core=False), triclinic(7)
    here = derivatives(surrogate, atoms, tmp_path)
    for options in ({"block_points": 97}, {"threads": 3}):
        found = derivatives(
            surrogate, atoms, tmp_path, conditions=Conditions(grid=CONDITIONS.grid, **options)
        )
        np.testing.assert_allclose(found.forces, here.forces, rtol=0, atol=1e-10)
        np.testing.assert_allclose(found.stress, here.stress, rtol=0, atol=1e-11)


def test_the_other_engine_of_the_descriptors_gives_the_same(tmp_path):
    surrogate, atoms = compound(functional="lda_pz", core=False), triclinic(8)
    here = derivatives(surrogate, atoms, tmp_path)
    conditions = Conditions(grid=CONDITIONS.grid, engine="torch")
    found = derivatives(surrogate, atoms, tmp_path, conditions=conditions)
    np.testing.assert_allclose(found.forces, here.forces, rtol=0, atol=1e-7)


def test_the_gradient_of_ewalds_energy_is_that_of_its_graph():
    atoms = triclinic(9)
    positions, cell = (
        torch.tensor(array, requires_grad=True) for array in (atoms.positions, atoms.cell[:])
    )
    charges = torch.tensor([3.0, 2.0, 3.0, 3.0], dtype=torch.float64)
    expected = torch.autograd.grad(ewald_energy(positions, charges, cell), (positions, cell))
    for got, wanted in zip(ewald_gradient(positions, charges, cell), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-11)


# Gaussian clouds of electrons that move with their centres: every state has the same form.
WIDTH = 0.55  # Å
SPECTRUM_ENERGY = torch.arange(-6.0, 8.01, 0.2, dtype=torch.float64)
SPECTRUM = 0.35 * torch.sqrt((SPECTRUM_ENERGY + 5).clamp_min(0))
CLOUD_CELL = torch.tensor([[4.0, 0.0, 0.0], [0.3, 4.4, 0.0], [-0.2, 0.4, 4.2]]).double()
CLOUD_GRID = (24, 24, 24)


def clouds(centres):
    """Sum of normalised periodic Gaussians at the points of the grid, 1/Å³, by images."""
    axes = [torch.arange(n, dtype=torch.float64) / n for n in CLOUD_GRID]
    points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1) @ CLOUD_CELL
    shifts = torch.cartesian_prod(*[torch.arange(-2.0, 3.0, dtype=torch.float64)] * 3) @ CLOUD_CELL
    total = torch.zeros(CLOUD_GRID, dtype=torch.float64)
    for centre in centres:
        for shift in shifts:
            total = total + torch.exp(-((points - centre - shift) ** 2).sum(-1) / (2 * WIDTH**2))
    return total / (2 * torch.pi * WIDTH**2) ** 1.5


def hartree_slope(centres, electrons):
    """dE_H/dR of Gaussian clouds in closed form: a sum over reciprocal vectors."""
    reciprocal = 2 * np.pi * np.linalg.inv(CLOUD_CELL.numpy()).T
    waves = np.array(np.meshgrid(*[range(-14, 15)] * 3, indexing="ij")).reshape(3, -1).T
    vectors = waves[np.any(waves != 0, axis=1)] @ reciprocal
    squared = (vectors**2).sum(1)
    phases = vectors @ centres.T
    structure = np.exp(1j * phases).sum(1)
    volume = abs(np.linalg.det(CLOUD_CELL.numpy()))
    factor = 4 * np.pi * COULOMB_EV_ANGSTROM * electrons**2 / volume
    factor = factor * np.exp(-squared * WIDTH**2) / squared
    along = (structure[:, None].conj() * 1j * np.exp(1j * phases)).real
    return np.einsum("g,ga,gx->ax", factor, along, vectors)


def test_gaussian_clouds_have_their_closed_form():
    # Their DOS does not change when they move, so that only the density's energies do.
    places = torch.tensor([[0.1, 0.2, 0.05], [2.2, 1.7, 2.4]], dtype=torch.float64)
    centres = places.clone().requires_grad_()
    cloud = clouds(centres)
    ldos = cloud.detach()[..., None] * SPECTRUM
    electrons, temperature = 5.0, 3000.0
    charges = torch.tensor([2.5, 2.5], dtype=torch.float64)
    terms = energy_terms_from_ldos(
        ldos, SPECTRUM_ENERGY, cell=CLOUD_CELL, positions=places, charges=charges,
        electrons=electrons, temperature=temperature, functional="lda_pw92",
    )  # fmt: skip
    mu = terms.fermi_energy
    weights = occupation_weights(SPECTRUM_ENERGY, mu, temperature, "electrons")
    slopes = electron_slope(SPECTRUM_ENERGY, mu, temperature, broadening_variance=None)
    density = density_from_ldos(ldos, weights)
    volume_element = float(torch.linalg.det(CLOUD_CELL)) / density.numel()
    ions = Ions(places, charges, CLOUD_CELL)
    found = free_energy_gradient(
        density,
        density_from_ldos(ldos, slopes),
        ldos.sum((0, 1, 2)) * volume_element,
        SPECTRUM_ENERGY,
        fermi_energy=mu,
        temperature=temperature,
        ions=ions,
        ewald=ions.ewald(),
        functional="lda_pw92",
        core=lambda *_: None,
    )
    cotangent = found.cotangent.rows(0, density.numel()) @ SPECTRUM
    (through,) = torch.autograd.grad(
        (cloud.reshape(-1) * cotangent).sum(), centres, retain_graph=True
    )
    # The electrons of each cloud do not depend on where it is.
    alone = cloud * (electrons / 2)
    energy, potential = exchange_correlation(alone, CLOUD_CELL, "lda_pw92", create_graph=True)
    (exchange,) = torch.autograd.grad(energy - potential, centres)
    expected = exchange.numpy() - hartree_slope(places.numpy(), electrons / 2)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(through.numpy(), expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(
        found.positions.numpy(), ewald_gradient(places, charges, CLOUD_CELL)[0], atol=1e-12
    )
