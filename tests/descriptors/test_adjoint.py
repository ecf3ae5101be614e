import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from snap_oracle import neighbour_vectors
from test_bispectrum import CASES, FCC, sample

from surrogate_hpo.descriptors.adjoint.gradient import BispectrumAdjoint, bispectrum_adjoint
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.torch_engine.bispectrum import torch_bispectrum_of_neighbours
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.errors import ConfigError, DataError


def by_autograd(points, positions, cell, gradient, cutoff_radius, twojmax, weights, radii):
    cutoffs = 2 * cutoff_radius * np.asarray(radii)
    found = [neighbour_vectors(point, positions, cell, cutoffs) for point in points]
    most = max(len(atom) for _, atom in found)
    vectors, atoms = np.zeros((len(points), most, 3)), np.zeros((len(points), most), int)
    for p, (near, atom) in enumerate(found):
        vectors[p, : len(atom)], atoms[p, : len(atom)] = near, atom
    moved = torch.zeros(positions.shape, dtype=torch.float64, requires_grad=True)
    listed = torch.from_numpy((vectors != 0).any(axis=2))[..., None]
    parts = torch_bispectrum_of_neighbours(
        torch.from_numpy(vectors) - moved[atoms] * listed,
        torch.from_numpy(cutoffs[atoms]),
        torch.from_numpy(np.asarray(weights, float)[atoms]),
        twojmax=twojmax,
    )
    (derivative,) = torch.autograd.grad((parts * torch.from_numpy(gradient)).sum(), moved)
    return derivative.numpy()


def random_case(rng, twojmax):
    cell = np.diag(rng.uniform(2.5, 6, 3)) + rng.uniform(-1, 1, (3, 3))
    positions = rng.uniform(-1, 2, (rng.integers(1, 5), 3)) @ cell
    points = rng.uniform(-1, 2, (rng.integers(1, 10), 3)) @ cell
    gradient = rng.normal(size=(len(points), n_components(twojmax)))
    settings_ = {
        "cutoff_radius": rng.uniform(2, 5),
        "twojmax": twojmax,
        "weights": rng.uniform(-1, 2, len(positions)),
        "radii": rng.uniform(0.3, 0.6, len(positions)),
    }
    return points, positions, cell, gradient, settings_


def assert_close(got, expected, relative):
    np.testing.assert_allclose(got, expected, rtol=0, atol=relative * np.abs(expected).max())


@pytest.mark.parametrize(
    ("name", "twojmax"),
    [*(("cubic", twojmax) for twojmax in range(11)), *((name, 7) for name in CASES)],
)
def test_equals_autograd_in_any_cell(name, twojmax):
    cell, positions, cutoff = CASES[name]
    points = positions[0] + sample(np.eye(3), 5, twojmax)
    gradient = np.random.default_rng(2).normal(size=(len(points), n_components(twojmax)))
    arguments = {"cutoff_radius": cutoff, "twojmax": twojmax}
    ones = np.ones(len(positions))
    expected = by_autograd(points, positions, cell, gradient, cutoff, twojmax, ones, ones / 2)
    got = bispectrum_adjoint(points, positions, cell, gradient, **arguments)
    assert_close(got, expected, 1e-10)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), twojmax=st.integers(0, 8))
def test_equals_autograd_for_random_elements_and_cells(seed, twojmax):
    points, positions, cell, gradient, settings_ = random_case(np.random.default_rng(seed), twojmax)
    expected = by_autograd(points, positions, cell, gradient, *settings_.values())
    got = bispectrum_adjoint(points, positions, cell, gradient, **settings_)
    assert_close(got, expected, 1e-10)


def energy_change(points, positions, cell, gradient, settings_, direction, step):
    """dE along a direction by central differences of fourth order."""

    def energy(x):
        return np.vdot(gradient, bispectrum(points, positions + x * direction, cell, **settings_))

    near, far = energy(step) - energy(-step), energy(2 * step) - energy(-2 * step)
    return (8 * near - far) / (12 * step)


@pytest.mark.parametrize("twojmax", [2, 5, 8, 10])
def test_equals_finite_differences_for_two_elements(twojmax):
    cell, positions, cutoff = CASES["triclinic"]
    rng = np.random.default_rng(twojmax)
    points = sample(cell, 30)
    settings_ = {
        "cutoff_radius": cutoff,
        "twojmax": twojmax,
        "weights": [1.0, -0.4, 1.7],
        "radii": [0.5, 0.36, 0.61],
    }
    gradient = rng.normal(size=(30, n_components(twojmax)))
    got = bispectrum_adjoint(points, positions, cell, gradient, **settings_)
    expected = [
        energy_change(points, positions, cell, gradient, settings_, direction, 1e-4)
        for direction in np.eye(9).reshape(9, 3, 3)
    ]
    assert_close(got.ravel(), np.array(expected), 1e-6)


@pytest.mark.parametrize("twojmax", [2, 8])
def test_the_derivative_by_a_strain_equals_finite_differences(twojmax):
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell, 20)
    settings_ = {
        "cutoff_radius": cutoff,
        "twojmax": twojmax,
        "weights": [1.0, -0.4, 1.7],
        "radii": [0.5, 0.36, 0.61],
    }
    gradient = np.random.default_rng(twojmax).normal(size=(20, n_components(twojmax)))

    def energy(strain):
        scale = np.eye(3) + strain
        return np.vdot(
            gradient, bispectrum(points @ scale, positions @ scale, cell @ scale, **settings_)
        )

    derivative, strain = BispectrumAdjoint(positions, cell, **settings_)(points, gradient)
    expected = [
        (8 * (energy(u) - energy(-u)) - (energy(2 * u) - energy(-2 * u))) / (12 * 1e-5)
        for u in 1e-5 * np.eye(9).reshape(9, 3, 3)
    ]
    assert_close(strain.ravel(), np.array(expected), 1e-6)
    # Turning everything changes nothing.
    np.testing.assert_allclose(strain, strain.T, rtol=0, atol=1e-11 * np.abs(strain).max())
    np.testing.assert_array_equal(
        derivative, bispectrum_adjoint(points, positions, cell, gradient, **settings_)
    )


@pytest.mark.parametrize("twojmax", [0, 5])
def test_several_energies_at_once_are_those_one_by_one(twojmax):
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell, 21)
    evaluate = BispectrumAdjoint(positions, cell, cutoff_radius=cutoff, twojmax=twojmax)
    gradients = np.random.default_rng(1).normal(size=(3, 21, n_components(twojmax)))
    together = evaluate(points, gradients, block=10)
    assert [part.shape for part in together] == [(3, len(positions), 3), (3, 3, 3)]
    for number, gradient in enumerate(gradients):
        for part, alone in zip(together, evaluate(points, gradient, block=10), strict=True):
            np.testing.assert_array_equal(part[number], alone)
    gradients[2, 1, 0] = np.inf
    with pytest.raises(DataError, match=r"gradient\[2, 1, 0\]"):
        evaluate(points, gradients)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), twojmax=st.integers(1, 8))
def test_laws(seed, twojmax):
    rng = np.random.default_rng(seed)
    points, positions, cell, gradient, settings_ = random_case(rng, twojmax)
    derivative = bispectrum_adjoint(points, positions, cell, gradient, **settings_)
    scale = np.abs(derivative).max()

    # Moving all atoms is moving all points the other way. The step is short because the second
    # derivative jumps where an atom comes within the cutoff.
    shift = rng.normal(size=3)
    on_points = energy_change(
        points, positions, cell, gradient, settings_, np.broadcast_to(shift, positions.shape), 1e-6
    )
    assert derivative.sum(0) @ shift == pytest.approx(on_points, abs=1e-6 * scale)

    # Turning everything turns the derivatives.
    turn = Rotation.random(rng=rng).as_matrix()
    turned = bispectrum_adjoint(points @ turn, positions @ turn, cell @ turn, gradient, **settings_)
    np.testing.assert_allclose(turned, derivative @ turn, rtol=0, atol=1e-11 * scale)

    # Linear in the gradient; other images of points and atoms are the same ones.
    moved = bispectrum_adjoint(
        points + rng.integers(-3, 4, points.shape) @ cell,
        positions + rng.integers(-3, 4, positions.shape) @ cell,
        cell,
        -2.5 * gradient,
        **settings_,
    )
    np.testing.assert_allclose(moved, -2.5 * derivative, rtol=0, atol=1e-11 * scale)


def test_a_sphere_of_points_does_not_push_its_atom():
    # Points placed symmetrically around one atom, all with the same gradient.
    corners = 1.7 * np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    cell, gradient = np.eye(3) * 20, np.ones((8, n_components(6)))
    arguments = {"cutoff_radius": 4.0, "twojmax": 6}
    balanced = bispectrum_adjoint(corners, [[0.0, 0, 0]], cell, gradient, **arguments)
    pushed = bispectrum_adjoint(corners[:1], [[0.0, 0, 0]], cell, gradient[:1], **arguments)
    assert np.abs(balanced).max() < 1e-13 * np.abs(pushed).max()
    # One neighbour alone is pushed along the line to its point.
    np.testing.assert_allclose(
        np.cross(pushed[0], corners[0]), 0, atol=1e-13 * np.abs(pushed).max()
    )


def test_points_without_neighbours_and_atoms_on_points_give_nothing():
    arguments = {"cutoff_radius": 4.0, "twojmax": 5}
    gradient = np.ones((2, n_components(5)))
    points = [[0.0, 0, 0], [10.0, 10, 10]]
    got = bispectrum_adjoint(points, [[0.0, 0, 0]], np.eye(3) * 20, gradient, **arguments)
    np.testing.assert_array_equal(got, np.zeros((1, 3)))
    # Beside another atom, the one on the point still gets nothing.
    pair = np.array([[0.0, 0, 0], [1.5, 0.3, 0.2]])
    got = bispectrum_adjoint(points[:1], pair, np.eye(3) * 20, gradient[:1], **arguments)
    np.testing.assert_array_equal(got[0], 0)
    assert np.abs(got[1]).min() > 0


def test_threads_do_not_change_a_bit_and_blocks_only_rounding():
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell, 203)
    gradient = np.random.default_rng(0).normal(size=(203, n_components(5)))
    arguments = {"cutoff_radius": cutoff, "twojmax": 5}
    expected = bispectrum_adjoint(points, positions, cell, gradient, **arguments)
    for block in (1, 7, 16, 50):
        alone = bispectrum_adjoint(points, positions, cell, gradient, **arguments, block=block)
        assert_close(alone, expected, 1e-13)
        for threads in (2, 5):
            shared = bispectrum_adjoint(
                points, positions, cell, gradient, **arguments, block=block, threads=threads
            )
            np.testing.assert_array_equal(shared, alone)


def test_no_points_or_no_atoms():
    arguments = {"cutoff_radius": 3.0, "twojmax": 4}
    got = bispectrum_adjoint(np.empty((0, 3)), FCC, np.eye(3) * 4, np.empty((0, 14)), **arguments)
    np.testing.assert_array_equal(got, np.zeros((4, 3)))
    got = bispectrum_adjoint(FCC, np.empty((0, 3)), np.eye(3) * 4, np.ones((4, 14)), **arguments)
    assert got.shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"gradient": np.ones((1, 13))}, DataError, r"expected: shape \[1, 14\](.|\n)*\[1, 13\]"),
        ({"gradient": np.ones(14)}, DataError, "does not fit the points and components"),
        ({"gradient": np.full((1, 14), np.nan)}, DataError, r"gradient\[0, 0\]"),
        ({"gradient": [["a"] * 14]}, DataError, "`gradient` is not an array of numbers"),
        ({"cutoff_radius": 0.0}, ConfigError, "cutoff radius is not a positive length"),
        ({"twojmax": -2}, ConfigError, "band limit"),
        ({"threads": 0}, ConfigError, "`threads` is not a positive integer"),
        ({"block": 2.5}, ConfigError, "`block` is not a positive integer"),
        ({"radii": [0.5, 0.5, -0.5, 0.5]}, ConfigError, r"radii\[2\]"),
        ({"points": [[0.0, np.nan, 0.0]]}, DataError, r"points\[0, 1\]"),
        ({"positions": [["a", "b", "c"]]}, DataError, "`positions` is not an array of numbers"),
        ({"cell": np.diag([4.0, 4.0, 0.0])}, DataError, "span no volume"),
    ],
)
def test_bad_input_is_named(change, error, message):
    arguments = {
        "points": [[0.5, 0.5, 0.5]],
        "positions": FCC,
        "cell": np.eye(3) * 4.05,
        "gradient": np.ones((1, 14)),
        "cutoff_radius": 4.0,
        "twojmax": 4,
    }
    with pytest.raises(error, match=message):
        bispectrum_adjoint(**(arguments | change))
