"""Planes through a cell, averages, voxels and surfaces of fields with known answers."""

import math
from itertools import product

import numpy as np
import pytest

from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.physics.space.averages import macroscopic_average
from surrogate_hpo.physics.space.isosurface import isosurface
from surrogate_hpo.physics.space.lattice_plane import LatticePlane, plane_vectors
from surrogate_hpo.physics.space.voxels import Voxels, voxel_shape

SHAPE = (8, 9, 12)
SKEW = np.array([[6.0, 0.3, 0.0], [-1.0, 7.0, 0.5], [0.4, 0.0, 9.0]])
FIELDS = np.random.default_rng(0).random((2, *SHAPE))


def passed(one, fields=FIELDS, step=3):
    for begin in range(0, fields.shape[1], step):
        one.add(begin, fields[:, begin : begin + step])
    return one


def test_vectors_of_every_plane_span_one_period_of_it():
    for miller in product(range(-4, 5), repeat=3):
        if math.gcd(*miller) == 1:
            first, second = plane_vectors(SKEW, miller)
            assert np.cross(first, second).tolist() == list(miller)


@pytest.mark.parametrize("axis", range(3))
def test_planes_of_cell_vectors_are_those_of_the_grid(axis):
    miller = tuple(int(axis == other) for other in range(3))
    cubic = 4.0 * np.eye(3)
    fields = np.random.default_rng(1).random((2, 8, 8, 8))
    plane = passed(LatticePlane(cubic, miller, 0.25, (8, 8, 8)), fields)
    expected = np.take(fields, 2, axis=axis + 1)
    assert plane.values.shape == expected.shape
    # The same points; which vector comes first, and its sign, are the plane's.
    for found, wanted in zip(plane.values, expected, strict=True):
        np.testing.assert_allclose(np.sort(found.ravel()), np.sort(wanted.ravel()))


def test_a_diagonal_plane_takes_its_points_from_the_grid():
    # (1 -1 0) at 0 has x = y: with as many points along both its points are on the grid.
    fields = np.random.default_rng(2).random((1, 10, 10, 10))
    plane = LatticePlane(5.0 * np.eye(3), (1, -1, 0), 0.0, (10, 10, 10))
    first, second = plane_vectors(5.0 * np.eye(3), (1, -1, 0))
    found = passed(plane, fields).values[0]
    along = found[0] if list(map(abs, second)) == [0, 0, 1] else found[:, 0]
    line = fields[0, 0, 0]
    assert np.allclose(along, line) or np.allclose(along, np.roll(line[::-1], 1))
    assert {abs(int(one)) for one in (*first, *second)} == {0, 1}


def test_linear_interpolation_of_a_wave_that_is_constant_on_the_plane():
    n = 48
    x, y, z = grid_points((n, n, n), np.eye(3)).T
    wave = np.cos(2 * np.pi * (2 * x + y - z)).reshape(1, n, n, n)
    for place in (0.0, 0.3, 1.3):
        plane = passed(LatticePlane(7.0 * np.eye(3), (2, 1, -1), place, (n, n, n)), wave, 48)
        exact = math.cos(2 * math.pi * place)
        assert abs(plane.values - exact).max() < 0.5 * (2 * math.pi * 2 / n) ** 2


def test_a_plane_moves_with_what_is_translated_by_grid_vectors():
    miller = (2, 1, -1)
    here = passed(LatticePlane(SKEW, miller, 0.4, SHAPE)).values
    for steps in (1, 5, -3):
        plane = LatticePlane(SKEW, miller, 0.4 + miller[0] * steps / SHAPE[0], SHAPE)
        there = passed(plane, np.roll(FIELDS, steps, axis=1)).values
        np.testing.assert_allclose(there, here, atol=1e-12)


@pytest.mark.parametrize("miller", [(0, 0, 0), (2, 2, 0), (10, 1, 0)])
def test_indices_that_are_no_plane_are_refused(miller):
    with pytest.raises(ConfigError, match="Miller"):
        LatticePlane(SKEW, miller, 0.0, SHAPE)


def test_macroscopic_average_keeps_the_mean_and_takes_the_layers_away():
    height, layers = 24.0, 6
    z = np.arange(90) / 90 * height
    step = 0.1 * np.sign(np.sin(2 * np.pi * z / height + 0.1))
    profile = 1.0 + step + 0.5 * np.cos(2 * np.pi * layers * z / height)
    found = macroscopic_average(profile, height, height / layers)
    assert found.mean() == pytest.approx(profile.mean(), abs=1e-14)
    alone = macroscopic_average(1.0 + step, height, height / layers)
    np.testing.assert_allclose(found, alone, atol=1e-14)
    np.testing.assert_allclose(macroscopic_average(profile, height, height), profile.mean())


@pytest.mark.parametrize("period", [0.0, -1.0, 25.0, float("nan")])
def test_a_period_that_is_none_is_refused(period):
    with pytest.raises(ConfigError, match="period"):
        macroscopic_average(np.ones(5), 24.0, period)


@pytest.mark.parametrize("voxels", [(8, 9, 12), (3, 4, 5), (1, 1, 1), (4, 3, 12)])
def test_voxels_keep_the_integral_and_the_maximum(voxels):
    found = passed(Voxels(SHAPE, voxels, 2))
    assert found.points.sum() == FIELDS[0].size
    np.testing.assert_allclose((found.means * found.points).sum((1, 2, 3)), FIELDS.sum((1, 2, 3)))
    np.testing.assert_array_equal(found.largest.max((1, 2, 3)), FIELDS.max((1, 2, 3)))
    if voxels == SHAPE:
        np.testing.assert_array_equal(found.means, FIELDS)


def test_voxels_lie_around_the_points_of_their_grid():
    # Point 7 of 8 is nearest to point 0 of 3, one cell further; 2 is nearest to 1 of 3.
    field = np.zeros((1, 8, 1, 1))
    field[0, 7] = 1.0
    assert passed(Voxels((8, 1, 1), (3, 1, 1), 1), field).largest.ravel().tolist() == [1, 0, 0]
    assert voxel_shape(SHAPE, SKEW, 1.0) == (7, 8, 10)
    assert voxel_shape(SHAPE, SKEW, 1e-9) == SHAPE
    with pytest.raises(ConfigError, match="spacing"):
        voxel_shape(SHAPE, SKEW, 0.0)


def test_the_surface_of_a_sphere():
    shape, cell, radius = (40, 44, 48), np.diag([8.0, 9.0, 10.0]), 3.0
    points = grid_points(shape, cell)
    distance = np.linalg.norm(points - [4, 4.5, 5], axis=1).reshape(shape)
    found = isosurface(-distance, cell, -radius, points[:, 0].reshape(shape))
    a, b, c = found.vertices[found.triangles].transpose(1, 0, 2)
    volume = np.einsum("tc,tc->t", a, np.cross(b, c)).sum() / 6
    assert found.area == pytest.approx(4 * np.pi * radius**2, rel=2e-3)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=3e-3)  # normals outwards: > 0
    edges = np.sort(found.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts.tolist()) == {2}  # closed
    assert len(found.vertices) - len(edges) + len(found.triangles) == 2  # Euler
    np.testing.assert_allclose(found.values, found.vertices[:, 0])


def test_a_plane_is_found_exactly_in_a_skew_cell():
    heights = np.cos(2 * np.pi * np.arange(12) / 12)
    found = isosurface(np.broadcast_to(heights, SHAPE).copy(), SKEW, heights[2:4].mean())
    one = np.linalg.norm(np.cross(SKEW[0], SKEW[1]))
    assert found.area == pytest.approx(2 * one)
    # It is where cosine is linear between two points, half way.
    places = found.vertices @ np.linalg.inv(SKEW)[:, 2] * 12
    assert set(np.round(places, 9).tolist()) == {2.5, 9.5}


def test_a_level_that_is_not_reached_has_no_surface():
    found = isosurface(FIELDS[0], SKEW, 2.0, FIELDS[1])
    assert len(found.triangles) == len(found.vertices) == 0
    assert found.area == 0
