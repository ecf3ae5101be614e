import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snap_oracle import neighbour_vectors

from surrogate_hpo.descriptors.grid import grid_boxes, grid_points
from surrogate_hpo.descriptors.neighbours import neighbour_bins
from surrogate_hpo.errors import ConfigError, DataError


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_bins_hold_all_neighbours_of_their_points_once(seed):
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(1, 12, 3)) + rng.uniform(-0.4, 0.4, (3, 3))
    positions = rng.uniform(-2, 3, (rng.integers(1, 7), 3)) @ cell
    cutoff = rng.uniform(0.5, 4)
    bins = neighbour_bins(positions, cell, cutoff_radius=cutoff)
    for scaled in rng.random((10, 3)):
        flat = np.ravel_multi_index(tuple((scaled * bins.shape).astype(int)), tuple(bins.shape))
        listed = slice(bins.start[flat], bins.start[flat + 1])
        vectors = scaled @ cell - bins.positions[listed]
        near = np.linalg.norm(vectors, axis=1) < cutoff
        expected, atoms = neighbour_vectors(
            scaled @ cell, positions, cell, np.full(len(positions), cutoff)
        )
        assert np.sum(near) == len(expected)
        assert sorted(bins.atoms[listed][near]) == sorted(atoms)
        order, wanted = np.lexsort(vectors[near].round(6).T), np.lexsort(expected.round(6).T)
        np.testing.assert_allclose(vectors[near][order], expected[wanted], atol=1e-9)


def test_candidates_per_point_do_not_grow_with_the_number_of_atoms():
    cube = 4.05 * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    longest = []
    for n in (2, 4, 8):
        shifts = 4.05 * np.stack(np.meshgrid(*[np.arange(n)] * 3), -1).reshape(-1, 1, 3)
        positions = (shifts + cube).reshape(-1, 3)
        bins = neighbour_bins(positions, np.eye(3) * 4.05 * n, cutoff_radius=4.676)
        longest.append(bins.max_candidates)
    assert max(longest) <= 1.25 * longest[0]


def test_few_bins_in_an_empty_cell():
    bins = neighbour_bins(np.zeros((1, 3)), np.eye(3) * 500, cutoff_radius=2.0)
    assert len(bins.start) < 200


def test_grid_is_in_the_order_of_an_array_x_y_z():
    cell = np.array([[3.0, 0, 0], [1, 4, 0], [0, -1, 5]])
    grid = grid_points((2, 3, 4), cell).reshape(2, 3, 4, 3)
    for x, y, z in np.ndindex(2, 3, 4):
        expected = np.array([x / 2, y / 3, z / 4]) @ cell
        np.testing.assert_allclose(grid[x, y, z], expected, atol=1e-14)


@given(
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    chunk=st.tuples(*[st.integers(1, 7)] * 3),
    points=st.integers(1, 300),
)
def test_boxes_cover_the_grid_once(shape, chunk, points):
    cell = np.array([[3.0, 0, 0], [1, 4, 0], [0, -1, 5]])
    whole, seen = grid_points(shape, cell).reshape(*shape, 3), np.zeros(shape, int)
    for box in grid_boxes(shape, chunk, points=points):
        seen[box.slices] += 1
        assert box.size <= max(points, np.prod(chunk))
        assert all(first % size == 0 for first, size in zip(box.begin, chunk, strict=True))
        expected = whole[box.slices].reshape(-1, 3)
        np.testing.assert_array_equal(box.points(shape, cell), expected)
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"shape": (2, 0, 4)}, ConfigError, r"`shape\[y\]` is not a positive integer"),
        ({"shape": (2, 4)}, ConfigError, "not three-dimensional"),
        ({"indices": [0, 24]}, ConfigError, "outside the grid"),
        ({"cell": np.zeros((3, 3))}, DataError, "span no volume"),
    ],
)
def test_bad_grids_are_named(change, error, message):
    with pytest.raises(error, match=message):
        grid_points(**({"shape": (2, 3, 4), "cell": np.eye(3)} | change))
    if "shape" in change:
        with pytest.raises(error, match=message):
            next(grid_boxes(change["shape"], (1, 1, 1), points=3))
