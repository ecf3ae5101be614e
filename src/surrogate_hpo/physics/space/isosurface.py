r"""Surfaces on which a periodic field has one value: marching tetrahedra.

Each cell between eight neighbouring grid points is cut into six tetrahedra around one of its
diagonals (Kuhn), in the same way everywhere, so that neighbours share their faces; in a
tetrahedron the field is taken as linear, and the surface is one or two triangles. Unlike marching
cubes, there is no case that can be read in two ways: the surface is closed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Surface:
    """Triangles of an isosurface.

    Attributes
    ----------
    vertices
        Å, [V, 3]; of the cell's images those around the cell, so that it is cut open at its faces.
    triangles
        Numbers of the vertices, [T, 3]; seen from where the field is lower, counter-clockwise.
    values
        Of another field at the vertices, [V], where there is one.
    """

    vertices: FloatArray
    triangles: IntArray
    values: FloatArray | None

    @property
    def area(self) -> float:
        """Of all triangles, Å²."""
        return float(np.linalg.norm(self._doubled, axis=1).sum() / 2)

    @property
    def normals(self) -> FloatArray:
        """Of each triangle, towards lower values, of length 1 (0 of one without an area)."""
        lengths = np.linalg.norm(self._doubled, axis=1, keepdims=True)
        return np.asarray(self._doubled / np.where(lengths > 0, lengths, 1), np.float64)

    @property
    def _doubled(self) -> FloatArray:
        a, b, c = self.vertices[self.triangles].transpose(1, 0, 2)
        return np.asarray(np.cross(b - a, c - a), np.float64)


def isosurface(
    field: FloatArray, cell: FloatArray, level: float, other: FloatArray | None = None
) -> Surface:
    """Find the surface on which a field has a value.

    Parameters
    ----------
    field
        On the grid of the cell, [x, y, z]; periodic.
    cell
        Cell vectors as rows, Å, [3, 3].
    level
        The value, in the unit of the field.
    other
        A field to be interpolated at the vertices, as `field`.

    Returns
    -------
    Surface
        Without triangles if the field does not reach the level.
    """
    shape = np.array(field.shape)
    above = field >= level
    found = [cut for tetrahedron in _TETRAHEDRA for cut in _cuts(above, tetrahedron)]
    corners = np.concatenate([np.empty((0, 3, 2, 3), np.int64), *found])
    # Corners reach one point beyond the grid.
    names = np.ravel_multi_index(tuple(np.moveaxis(corners, -1, 0)), tuple(shape + 1))
    _, first, triangles = np.unique(
        (names @ [math.prod(shape + 1), 1]).ravel(), return_index=True, return_inverse=True
    )
    low, high = corners.reshape(-1, 2, 3)[first].transpose(1, 0, 2)
    at_low, at_high = _at(field, low), _at(field, high)
    share = (level - at_low) / (at_high - at_low)
    places = (low + share[:, None] * (high - low)) / shape @ cell
    values = None
    if other is not None:
        values = (1 - share) * _at(other, low) + share * _at(other, high)
    surface = Surface(places, triangles.reshape(-1, 3), values)
    return _turned_outwards(surface, low, high, at_high > at_low, shape, cell)


def _kuhn() -> tuple[IntArray, ...]:
    """Corners of the six tetrahedra of a cube, each a way along three edges, [4, 3]."""
    unit = np.eye(3, dtype=np.int64)
    return tuple(
        np.vstack([np.zeros(3, np.int64), np.cumsum(unit[list(order)], axis=0)])
        for order in permutations(range(3))
    )


_TETRAHEDRA = _kuhn()


def _at(field: FloatArray, points: IntArray) -> FloatArray:
    x, y, z = (points % np.array(field.shape)).T
    return np.asarray(field[x, y, z], np.float64)


def _cuts(above: NDArray[np.bool_], tetrahedron: IntArray) -> Iterator[IntArray]:
    """Triangles of one of the six tetrahedra, [T, 3, 2, 3]: of each corner both ends of an edge."""
    inside = [np.roll(above, tuple(-corner), axis=(0, 1, 2)) for corner in tetrahedron]
    cases = sum(held.astype(np.int8) << number for number, held in enumerate(inside))
    for case in range(1, 15):
        origins = np.argwhere(cases == case)
        inner = [number for number in range(4) if case >> number & 1]
        outer = [number for number in range(4) if number not in inner]
        for triangle in _cut(inner, outer):
            # The lower end first, so that all tetrahedra call an edge the same.
            ends = tetrahedron[np.sort(triangle, axis=1)]
            yield origins[:, None, None] + ends


def _cut(inner: list[int], outer: list[int]) -> list[list[tuple[int, int]]]:
    """Triangles, as the edges that are cut, between the corners above the level and the others."""
    if len(inner) == 1 or len(outer) == 1:
        return [[(i, o) for i in inner for o in outer]]
    (a, b), (c, d) = inner, outer
    return [[(a, c), (a, d), (b, d)], [(a, c), (b, d), (b, c)]]


def _turned_outwards(
    surface: Surface,
    low: IntArray,
    high: IntArray,
    rising: NDArray[np.bool_],
    shape: IntArray,
    cell: FloatArray,
) -> Surface:
    """The same with all normals towards lower values: against a cut edge, from low to high."""
    steps = np.where(rising, 1, -1)[:, None] * (high - low) / shape @ cell
    upwards = steps[surface.triangles].sum(axis=1)
    wrong = np.einsum("tc,tc->t", surface.normals, upwards) > 0
    triangles = surface.triangles.copy()
    triangles[wrong] = triangles[wrong][:, ::-1]
    return Surface(surface.vertices, triangles, surface.values)
