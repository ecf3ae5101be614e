"""Boxes, slabs and spheres on the grid of a periodic cell."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surrogate_hpo.descriptors.grid import GridBox, grid_points
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.physics.space.regions import (
    CartesianBox,
    FractionalBox,
    Sphere,
    slab,
    slab_of_heights,
)

SHAPE = (10, 12, 15)
SKEW = np.array([[6.0, 0.3, 0.0], [-1.0, 7.0, 0.5], [0.4, 0.0, 9.0]])
ORTHOGONAL = np.diag([5.0, 6.0, 7.5])
ALL = GridBox((0, 0, 0), SHAPE)


def held(region, cell=SKEW, box=ALL):
    return region.holds(box, SHAPE, cell)


@settings(deadline=None, max_examples=30)
@given(
    cuts=st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=4, unique=True),
    axis=st.integers(0, 2),
)
def test_slabs_side_by_side_hold_each_point_once(cuts, axis):
    ends = sorted(cuts)
    ends = [one for one in ends if one < ends[0] + 1]
    ends.append(ends[0] + 1)
    ranges = [(low, high) for low, high in itertools.pairwise(ends) if low < high]
    found = sum(held(slab(axis, *one)).astype(int) for one in ranges)
    assert (found == 1).all()


def test_ends_that_rounding_moves_belong_to_the_upper_slab():
    # 0.1 + 0.2 is not 0.3, and 0.3 · 10 is a grid point.
    lower, upper = held(slab(0, 0.1, 0.1 + 0.2)), held(slab(0, 0.3, 1.1))
    assert not (lower & upper).any()
    assert (lower | upper).all()
    assert lower[:, 0, 0].nonzero()[0].tolist() == [1, 2]


@pytest.mark.parametrize("cell", [SKEW, ORTHOGONAL])
def test_a_cartesian_box_is_the_fractional_one_of_an_orthogonal_cell(cell):
    box = CartesianBox(((-1.0, 1.5), (5.0, 7.0), (1.0, 4.0)))
    if cell is ORTHOGONAL:
        same = FractionalBox(((-0.2, 0.3), (5 / 6, 7 / 6), (1 / 7.5, 4 / 7.5)))
        np.testing.assert_array_equal(held(box, cell), held(same, cell))
    points = grid_points(SHAPE, cell)
    images = np.stack(np.meshgrid(*[range(-3, 4)] * 3), -1).reshape(-1, 3) @ cell
    expected = np.zeros(len(points), bool)
    for image in images:
        moved = points + image + 1e-9
        expected |= ((moved >= [-1, 5, 1]) & (moved < [1.5, 7, 4])).all(axis=1)
    np.testing.assert_array_equal(held(box, cell).ravel(), expected)


def test_a_sphere_holds_what_is_near_its_centre_or_an_image_of_it():
    centre = np.array([5.9, 0.1, 8.8])
    points = grid_points(SHAPE, SKEW)
    images = np.stack(np.meshgrid(*[range(-2, 3)] * 3), -1).reshape(-1, 3) @ SKEW
    distance = np.min([np.linalg.norm(points + one - centre, axis=1) for one in images], axis=0)
    for radius in (0.7, 2.5, 4.4):
        found = held(Sphere(tuple(centre), radius))
        np.testing.assert_array_equal(found.ravel(), distance < radius)
    assert held(Sphere(tuple(centre), 30.0)).all()


@pytest.mark.parametrize("shift", [(1, 0, 0), (3, 5, 14)])
def test_what_moves_by_grid_vectors_holds_the_points_moved_alike(shift):
    step = np.array(shift) / SHAPE
    x, y, z = step @ SKEW
    moved = {
        Sphere((1.0, 2.0, 3.0), 2.2): Sphere((1.0 + x, 2.0 + y, 3.0 + z), 2.2),
        FractionalBox(((0.1, 0.4), (0.5, 1.2), (0, 1))): FractionalBox(
            tuple(
                (low + one, high + one)
                for (low, high), one in zip(((0.1, 0.4), (0.5, 1.2), (0, 1)), step, strict=True)
            )
        ),
        CartesianBox(((0, 2), (1, 3), (2, 5))): CartesianBox(
            ((x, 2 + x), (1 + y, 3 + y), (2 + z, 5 + z))
        ),
    }
    for region, other in moved.items():
        np.testing.assert_array_equal(np.roll(held(region), shift, (0, 1, 2)), held(other))


@pytest.mark.parametrize(
    "region",
    [
        Sphere((1.0, 2.0, 3.0), 3.3),
        FractionalBox(((0.3, 1.1), (0.5, 0.9), (-0.1, 0.2))),
        CartesianBox(((-2, 2), (1, 3), (2, 15))),
    ],
)
def test_part_of_the_grid_is_told_as_all_of_it(region):
    box = GridBox((2, 3, 4), (9, 5, 15))
    np.testing.assert_array_equal(held(region, box=box), held(region)[box.slices])


def test_heights_are_those_of_planes_in_a_skew_cell():
    height = np.linalg.det(SKEW) / np.linalg.norm(np.cross(SKEW[0], SKEW[1]))
    found = held(slab_of_heights(2, 0.0, height / 3, SKEW))
    assert found.sum() == found.size / 3
    assert found[:, :, :5].all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: slab(0, 0.5, 0.5),
        lambda: slab(0, 0.0, 1.2),
        lambda: Sphere((0, 0, 0), 0),
        lambda: CartesianBox(((2, 1), (0, 1), (0, 1))),
        lambda: held(Sphere((0, 0, 0), 1e4)),
        lambda: slab(0, float("nan"), 1.0),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    with pytest.raises(ConfigError, match=r"region|sphere"):
        make()
