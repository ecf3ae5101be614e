"""SNAP at the atoms: against the same at points, finite differences, symmetries and LAMMPS."""

import numpy as np
import pytest
from ase import Atoms
from lammps_atoms import in_lammps, lammps_installed
from scipy.spatial.transform import Rotation

from surrogate_hpo.descriptors.adjoint.atom_jacobian import summed_jacobian
from surrogate_hpo.descriptors.atom_centred import AtomBispectrum, atom_bispectrum
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.errors import ConfigError, DataError

CELL = np.array([[3.9, 0.3, -0.2], [1.1, 4.4, 0.4], [-0.7, 1.6, 5.0]])
POSITIONS = np.array([[0.1, 0.2, 0.3], [2.2, 1.9, 2.6], [-3.0, 9.0, 1.0], [1.0, 3.5, 3.1]])
KINDS = np.array([0, 1, 0, 1])
WEIGHTS, RADII = np.array([1.0, -0.4])[KINDS], np.array([0.5, 0.42])[KINDS]
SETTINGS = {"cutoff_radius": 3.8, "twojmax": 5, "weights": WEIGHTS, "radii": RADII}
COMPONENTS = 20


def cotangent(seed: int = 0, energies: int | None = None) -> np.ndarray:
    shape = (4, COMPONENTS) if energies is None else (energies, 4, COMPONENTS)
    return np.random.default_rng(seed).normal(size=shape)


def test_equal_radii_give_what_stands_at_the_points():
    arguments = SETTINGS | {"radii": None}
    expected = bispectrum(POSITIONS, POSITIONS, CELL, **arguments)
    np.testing.assert_array_equal(atom_bispectrum(POSITIONS, CELL, **arguments), expected)


def test_radii_add_up_pair_by_pair():
    # Seen from 2.7 Å away: 0.3 + 0.3 does not reach, 0.3 + 0.6 does, whichever looks.
    positions, cell = [[0.0, 0, 0], [2.7, 0, 0]], np.eye(3) * 20
    for radii, seen in (((0.3, 0.3), False), ((0.3, 0.6), True), ((0.6, 0.3), True)):
        values = atom_bispectrum(positions, cell, cutoff_radius=4.0, twojmax=2, radii=radii)
        alone = bispectrum([[10.0, 10, 10]], positions, cell, cutoff_radius=4.0, twojmax=2)[0]
        assert np.allclose(values, alone) is not seen


def test_symmetries():
    expected = atom_bispectrum(POSITIONS, CELL, **SETTINGS)
    turn = Rotation.random(rng=np.random.default_rng(1)).as_matrix()
    scale = np.abs(expected).max()
    for positions, cell in (
        (POSITIONS @ turn, CELL @ turn),
        (POSITIONS + np.array([0.7, -0.3, 11.0]), CELL),
        (POSITIONS + np.array([[1, 0, -2], [0, 0, 0], [3, 1, 1], [0, -1, 0]]) @ CELL, CELL),
    ):
        got = atom_bispectrum(positions, cell, **SETTINGS)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-11 * scale)
    order = np.array([2, 0, 3, 1])
    permuted = SETTINGS | {"weights": WEIGHTS[order], "radii": RADII[order]}
    got = atom_bispectrum(POSITIONS[order], CELL, **permuted)
    np.testing.assert_allclose(got, expected[order], rtol=0, atol=1e-12 * scale)


def test_the_adjoint_equals_finite_differences():
    given = cotangent()
    derivative, strain = AtomBispectrum(POSITIONS, CELL, **SETTINGS).adjoint(given)

    def energy(positions, cell=CELL):
        return np.vdot(given, atom_bispectrum(positions, cell, **SETTINGS))

    def slope(function, unit, step=1e-4):
        near, far = (function(x * unit) - function(-x * unit) for x in (step, 2 * step))
        return (8 * near - far) / (12 * step)

    moves = np.eye(12).reshape(12, 4, 3)
    expected = [slope(lambda shift: energy(POSITIONS + shift), move) for move in moves]
    np.testing.assert_allclose(
        derivative.ravel(), expected, rtol=0, atol=1e-6 * np.abs(expected).max()
    )
    strains = np.eye(9).reshape(9, 3, 3)
    expected = [
        slope(lambda e: energy(POSITIONS + POSITIONS @ e, CELL + CELL @ e), unit)
        for unit in strains
    ]
    np.testing.assert_allclose(strain.ravel(), expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(derivative.sum(axis=0), 0, atol=1e-11 * np.abs(derivative).max())
    np.testing.assert_allclose(strain, strain.T, rtol=0, atol=1e-11 * np.abs(strain).max())


def test_several_energies_some_centres_and_threads():
    evaluate = AtomBispectrum(POSITIONS, CELL, **SETTINGS)
    together = evaluate.adjoint(cotangent(1, energies=3), threads=2)
    for number, given in enumerate(cotangent(1, energies=3)):
        for part, alone in zip(together, evaluate.adjoint(given), strict=True):
            np.testing.assert_array_equal(part[number], alone)
    centres = np.array([3, 0])
    given = np.zeros((4, COMPONENTS))
    given[centres] = cotangent(2)[:2]
    for part, whole in zip(
        evaluate.adjoint(given[centres], centres=centres), evaluate.adjoint(given), strict=True
    ):
        np.testing.assert_allclose(part, whole, rtol=0, atol=1e-12 * np.abs(whole).max())


def test_sums_by_kind_are_the_chain_rule_with_ones():
    evaluate = AtomBispectrum(POSITIONS, CELL, **SETTINGS)
    jacobian, strain = summed_jacobian(evaluate, KINDS, COMPONENTS)
    assert jacobian.shape == (2, COMPONENTS, 4, 3)
    for kind, component in ((0, 0), (1, 19), (0, 13)):
        given = np.zeros((4, COMPONENTS))
        given[kind == KINDS, component] = 1
        derivative, of_strain = evaluate.adjoint(given)
        np.testing.assert_allclose(jacobian[kind, component], derivative, rtol=0, atol=1e-10)
        np.testing.assert_allclose(strain[kind, component], of_strain, rtol=0, atol=1e-9)


@lammps_installed
def test_values_and_derivatives_equal_those_of_lammps():
    atoms = Atoms(["Al", "Mg", "Al", "Mg"], positions=POSITIONS, cell=CELL, pbc=True)
    words = "3.8 0.99363 5 0.5 0.42 1.0 -0.4 rmin0 0 bzeroflag 0 quadraticflag 0 switchflag 1"
    commands = [
        "pair_style zero 3.81 nocoeff",
        "pair_coeff * *",
        f"compute b all sna/atom {words}",
        f"compute d all snad/atom {words}",
    ]
    found = in_lammps(atoms, ["Al", "Mg"], commands, columns="c_b[*] c_d[*]")
    table, rotation = found.columns, found.rotation
    values, derivatives = table[:, :COMPONENTS], table[:, COMPONENTS:]
    evaluate = AtomBispectrum(POSITIONS, CELL, **SETTINGS)
    scale = np.abs(values).max()
    np.testing.assert_allclose(evaluate(), values, rtol=0, atol=1e-12 * scale)
    # [atom, kind, direction, component], and the negative of the derivative.
    reference = -derivatives.reshape(4, 2, 3, COMPONENTS)
    reference = np.einsum("akdc,xd->kcax", reference, rotation)
    got, _ = summed_jacobian(evaluate, KINDS, COMPONENTS)
    np.testing.assert_allclose(got, reference, rtol=0, atol=1e-10 * np.abs(reference).max())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"positions": [[0.0, np.nan, 0]]}, DataError, r"positions\[0, 1\]"),
        ({"cutoff_radius": -1.0}, ConfigError, "cutoff radius is not a positive length"),
        ({"radii": [0.5, 0.5]}, DataError, "radii"),
    ],
)
def test_bad_input_is_named(change, error, message):
    arguments = {"positions": POSITIONS, "cell": CELL} | SETTINGS
    with pytest.raises(error, match=message):
        atom_bispectrum(**(arguments | change))
    with pytest.raises(DataError, match=r"gradient(.|\n)*expected: shape \[4, 20\]"):
        AtomBispectrum(POSITIONS, CELL, **SETTINGS).adjoint(np.ones((3, 20)))
