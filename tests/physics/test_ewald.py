"""Ewald energy: Madelung constants, independence of the splitting, invariances."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.physics import ewald
from surrogate_hpo.physics.ewald import Ions, ewald_energy, ewald_gradient
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV

COULOMB = HARTREE_EV * BOHR_ANGSTROM
CUBE = torch.eye(3, dtype=torch.float64)
FCC = [[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
ROCKSALT = [*FCC, *[[x + 0.5, y, z] for x, y, z in FCC]]
TRICLINIC = torch.tensor([[4.0, 0.2, 0.0], [-1.5, 5.0, 0.3], [0.1, 1.7, 3.0]], dtype=torch.float64)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def random_ions(seed, atoms=3):
    generator = torch.Generator().manual_seed(seed)
    fractions = torch.rand(atoms, 3, generator=generator, dtype=torch.float64) / 4
    fractions += torch.arange(atoms, dtype=torch.float64)[:, None] / atoms
    charges = torch.rand(atoms, generator=generator, dtype=torch.float64) * 4 - 1
    return fractions @ TRICLINIC, charges


def test_rock_salt_has_its_madelung_constant():
    # 1.74756459463318219, e.g. Crandall, Buhler, J. Phys. A 20, 5497 (1987).
    a = 5.64
    charges = tensor([1.0] * 4 + [-1.0] * 4)
    energy = ewald_energy(a * tensor(ROCKSALT), charges, a * CUBE)
    assert float(energy) == pytest.approx(-4 * 1.74756459463318219 * COULOMB / (a / 2), rel=1e-13)


def test_caesium_chloride_has_its_madelung_constant():
    a = 4.12
    positions = a * tensor([[0, 0, 0], [0.5, 0.5, 0.5]])
    energy = ewald_energy(positions, tensor([1.0, -1.0]), a * CUBE)
    nearest = a * math.sqrt(3) / 2
    assert float(energy) == pytest.approx(-1.76267477307099 * COULOMB / nearest, rel=1e-13)


@pytest.mark.parametrize(
    ("basis", "constant"),
    [
        # One-component plasma, in e²/(Wigner-Seitz radius): e.g. Baus, Hansen,
        # Phys. Rep. 59, 1 (1980); simple cubic, bcc, fcc.
        ([[0, 0, 0]], -0.880059442),
        ([[0, 0, 0], [0.5, 0.5, 0.5]], -0.895929255682),
        (FCC, -0.895873615195),
    ],
)
def test_one_component_plasma_in_its_background(basis, constant):
    a, charge, atoms = 4.05, 3.0, len(basis)
    energy = ewald_energy(a * tensor(basis), tensor([charge] * atoms), a * CUBE)
    radius = (3 * a**3 / (4 * math.pi * atoms)) ** (1 / 3)
    expected = atoms * charge**2 * constant * COULOMB / radius
    assert float(energy) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**20), splitting=st.floats(0.25, 1.5))
def test_energy_does_not_depend_on_the_splitting(seed, splitting):
    positions, charges = random_ions(seed)
    expected = float(ewald_energy(positions, charges, TRICLINIC))
    energy = float(ewald_energy(positions, charges, TRICLINIC, splitting=splitting))
    assert energy == pytest.approx(expected, rel=1e-11, abs=1e-10)


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**20),
    shift=st.lists(st.floats(-20, 20), min_size=3, max_size=3),
    image=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
    axis=st.integers(0, 2),
)
def test_translations_images_cells_and_order_change_nothing(seed, shift, image, axis):
    positions, charges = random_ions(seed)
    energy = float(ewald_energy(positions, charges, TRICLINIC))
    moved = positions + tensor(shift)
    moved[1] += tensor(image) @ TRICLINIC
    assert float(ewald_energy(moved, charges, TRICLINIC)) == pytest.approx(energy, abs=1e-9)
    reordered = ewald_energy(positions.flip(0), charges.flip(0), TRICLINIC)
    assert float(reordered) == pytest.approx(energy, abs=1e-9)
    sheared = TRICLINIC.clone()
    sheared[axis] += TRICLINIC[axis - 1]
    assert float(ewald_energy(positions, charges, sheared)) == pytest.approx(energy, abs=1e-9)
    doubled = TRICLINIC.clone()
    doubled[axis] *= 2
    twice = torch.cat([positions, positions + TRICLINIC[axis]])
    assert float(ewald_energy(twice, charges.repeat(2), doubled)) == pytest.approx(
        2 * energy, abs=1e-9
    )


def test_forces_are_the_derivative_and_sum_to_zero():
    positions, charges = random_ions(3)
    positions.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda r: ewald_energy(r, charges, TRICLINIC), (positions,), eps=1e-5, atol=1e-6
    )
    (gradient,) = torch.autograd.grad(ewald_energy(positions, charges, TRICLINIC), positions)
    assert float(gradient.sum(dim=0).abs().max()) < 1e-10
    assert float(gradient.abs().max()) > 1e-2


def scattered_ions(seed, atoms, charges, density=0.06):
    """Ions of two charges, no two of them close, in a sheared cell."""
    generator = torch.Generator().manual_seed(seed)
    shear = 0.25 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
    cell = CUBE + shear
    cell *= (atoms / density / float(torch.det(cell).abs())) ** (1 / 3)
    side = math.ceil(atoms ** (1 / 3))
    places = torch.cartesian_prod(*[torch.arange(side, dtype=torch.float64)] * 3)[:atoms]
    jitter = 0.5 * torch.rand(atoms, 3, generator=generator, dtype=torch.float64)
    return ((places + jitter) / side) @ cell, tensor(charges).repeat(atoms)[:atoms], cell


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 2**20),
    atoms=st.integers(8, 60),
    charges=st.sampled_from([[3.0, 3.0], [1.0, -1.0], [3.0, 11.0], [-2.0, 5.0]]),
    shift=st.lists(st.floats(-20, 20), min_size=3, max_size=3),
)
def test_the_mesh_gives_the_exact_sum_wherever_it_lies(seed, atoms, charges, shift):
    positions, charges, cell = scattered_ions(seed, atoms, charges)
    expected = float(ewald_energy(positions, charges, cell, mesh=False))
    found = float(ewald_energy(positions + tensor(shift), charges, cell, mesh=True))
    assert found == pytest.approx(expected, abs=3e-7 * atoms)


def test_rock_salt_on_a_mesh_has_its_madelung_constant():
    a = 5.64
    charges = tensor([1.0] * 4 + [-1.0] * 4)
    energy = ewald_energy(a * tensor(ROCKSALT), charges, a * CUBE, mesh=True)
    expected = -4 * 1.74756459463318219 * COULOMB / (a / 2)
    assert float(energy) == pytest.approx(expected, abs=1e-7)


def test_forces_and_stress_on_the_mesh_are_those_of_the_exact_sum():
    positions, charges, cell = scattered_ions(5, 40, [3.0, 5.0])
    slopes = []
    for mesh in (False, True):
        variables = [array.clone().requires_grad_() for array in (positions, cell)]
        energy = ewald_energy(variables[0], charges, variables[1], mesh=mesh)
        slopes.append(torch.autograd.grad(energy, variables))
    for exact, found in zip(*slopes, strict=True):
        largest = float(exact.abs().max())
        assert largest > 1
        torch.testing.assert_close(found, exact, rtol=0, atol=5e-7 * largest)


def test_many_ions_take_the_mesh_and_few_the_exact_sum(monkeypatch):
    monkeypatch.setattr(ewald, "MESH_FROM", 60)
    small, charges, cell = scattered_ions(1, 59, [3.0])
    exact = float(ewald_energy(small, charges, cell, mesh=False))
    assert float(ewald_energy(small, charges, cell)) == exact
    positions, charges, cell = scattered_ions(1, 60, [3.0])
    energy = float(ewald_energy(positions, charges, cell))
    assert energy == float(ewald_energy(positions, charges, cell, mesh=True))
    assert energy != float(ewald_energy(positions, charges, cell, mesh=False))
    by_position, strain = Ions(positions, charges, cell).ewald()
    assert float(by_position.sum(dim=0).abs().max()) < 1e-4
    # Coulomb's energy goes as the inverse of the length.
    assert float(strain.trace()) == pytest.approx(-energy, abs=1e-3)
    torch.testing.assert_close(by_position, ewald_gradient(positions, charges, cell)[0])


def test_bad_input_is_refused():
    positions, charges = random_ions(0)
    coinciding = torch.cat([positions, positions[:1] + TRICLINIC[2]])
    with pytest.raises(PhysicsError, match=r"two ions coincide(.|\n)*atoms 0 and 3"):
        ewald_energy(coinciding, charges[[0, 1, 2, 0]], TRICLINIC)
    with pytest.raises(PhysicsError, match=r"two ions coincide(.|\n)*atoms 0 and 3"):
        ewald_energy(coinciding, charges[[0, 1, 2, 0]], TRICLINIC, mesh=True)
    with pytest.raises(DataError, match="positions and charges do not fit each other"):
        ewald_energy(positions, charges[:2], TRICLINIC)
    with pytest.raises(DataError, match="the cell has no volume"):
        ewald_energy(positions, charges, torch.ones_like(TRICLINIC))
