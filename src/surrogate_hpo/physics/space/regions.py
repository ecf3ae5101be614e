"""Parts of a periodic cell: boxes, slabs and spheres, each a set of points of its grid.

A point belongs to a region if the point itself or an image of it lies there. Ranges hold their
lower end and not the upper one, so that regions side by side share no point and leave out none.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.errors import ConfigError

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]
Triple = tuple[float, float, float]
Range = tuple[float, float]
# Rounding of coordinates, Å, and of fractions of a cell vector times the points along it.
_ROUNDING = 1e-9
# More images of a region than this are a slip of a unit, and would take hours.
_MOST_IMAGES = 10_000


class Region(Protocol):
    """A set of points of the grid of a cell."""

    def holds(self, box: GridBox, shape: tuple[int, int, int], cell: FloatArray) -> Mask:
        """Tell the points that are in it.

        Parameters
        ----------
        box
            The points that are asked for.
        shape
            Number of points of the whole grid along each cell vector.
        cell
            Cell vectors as rows, Å, [3, 3].

        Returns
        -------
        array
            Of the shape of the box.
        """


@dataclass(frozen=True)
class FractionalBox:
    """All points between two planes along each cell vector.

    Attributes
    ----------
    ranges
        Of each cell vector, in units of it; no longer than 1.
    """

    ranges: tuple[Range, Range, Range]

    def __post_init__(self) -> None:
        for low, high in self.ranges:
            _require_range(low, high, "of cell vectors")
            if high - low > 1 + _ROUNDING:
                raise ConfigError(
                    "a region is larger than the cell",
                    where="regions",
                    expected="ranges of fractions no longer than 1",
                    got=f"{low:g} to {high:g}",
                    remedy="0 to 1 is all of a cell vector; ranges in Å have names of their own",
                )

    def holds(self, box: GridBox, shape: tuple[int, int, int], cell: FloatArray) -> Mask:  # noqa: ARG002
        """Tell the points that are in it, as of `Region`."""
        inside = []
        for axis, (low, high) in enumerate(self.ranges):
            points = shape[axis]
            first, end = (math.ceil(place * points - _ROUNDING) for place in (low, high))
            indices = np.arange(box.begin[axis], box.end[axis])
            inside.append((indices - first) % points < min(end - first, points))
        x, y, z = inside
        return np.asarray(x[:, None, None] & y[:, None] & z)


def slab(axis: int, low: float, high: float) -> FractionalBox:
    """All points between two planes along one cell vector, in units of it."""
    ranges = [(0.0, 1.0)] * 3
    ranges[axis] = (low, high)
    return FractionalBox((ranges[0], ranges[1], ranges[2]))


def slab_of_heights(axis: int, low: float, high: float, cell: FloatArray) -> FractionalBox:
    """All points between two heights above the other two cell vectors, Å."""
    height = 1 / float(np.linalg.norm(np.linalg.inv(cell)[:, axis]))
    return slab(axis, low / height, high / height)


@dataclass(frozen=True)
class CartesianBox:
    """A box along x, y and z.

    Attributes
    ----------
    ranges
        Of x, y and z, Å.
    """

    ranges: tuple[Range, Range, Range]

    def __post_init__(self) -> None:
        for low, high in self.ranges:
            _require_range(low, high, "in Å")

    def holds(self, box: GridBox, shape: tuple[int, int, int], cell: FloatArray) -> Mask:
        """Tell the points that are in it, as of `Region`."""
        low, high = np.array(self.ranges).T - _ROUNDING
        corners = np.array(list(product(*self.ranges))) @ np.linalg.inv(cell)

        def inside(points: FloatArray) -> Mask:
            return np.asarray(((points >= low) & (points < high)).all(axis=1))

        return _any_image(inside, (corners.min(axis=0), corners.max(axis=0)), box, shape, cell)


@dataclass(frozen=True)
class Sphere:
    """All points nearer to a centre than a radius.

    Attributes
    ----------
    centre
        x, y and z, Å.
    radius
        Å.
    """

    centre: Triple
    radius: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.radius) and self.radius > 0 and np.isfinite(self.centre).all()):
            raise ConfigError(
                "a sphere makes no sense",
                where="regions",
                expected="a centre, and a radius above 0 Å",
                got=f"centre {self.centre}, radius {self.radius:g}",
            )

    def holds(self, box: GridBox, shape: tuple[int, int, int], cell: FloatArray) -> Mask:
        """Tell the points that are in it, as of `Region`."""
        inverse = np.linalg.inv(cell)
        centre, squared = np.array(self.centre), (self.radius - _ROUNDING) ** 2
        reach = self.radius * np.linalg.norm(inverse, axis=0)

        def inside(points: FloatArray) -> Mask:
            away = points - centre
            return np.asarray(np.einsum("pc,pc->p", away, away) < squared)

        middle = centre @ inverse
        return _any_image(inside, (middle - reach, middle + reach), box, shape, cell)


def _any_image(
    inside: Callable[[FloatArray], Mask],
    extent: tuple[FloatArray, FloatArray],
    box: GridBox,
    shape: tuple[int, int, int],
    cell: FloatArray,
) -> Mask:
    """Points of a box of which any image is inside; the extent is that of the inside."""
    points = box.points(shape, cell)
    found = np.zeros(len(points), np.bool_)
    for shift in _shifts(extent, box, shape):
        found |= inside(points + np.array(shift) @ cell)
    return found.reshape(box.shape)


def _shifts(
    extent: tuple[FloatArray, FloatArray], box: GridBox, shape: tuple[int, int, int]
) -> Iterator[tuple[int, ...]]:
    """Lattice translations, in cell vectors, that can bring points of the box inside."""
    ranges = [
        range(math.ceil(low - (end - 1) / n - _ROUNDING), math.floor(high - begin / n) + 1)
        for low, high, begin, end, n in zip(*extent, box.begin, box.end, shape, strict=True)
    ]
    images = math.prod(len(one) for one in ranges)
    if images > _MOST_IMAGES:
        raise ConfigError(
            "a region is beyond reason for this cell",
            where="regions",
            expected=f"at most {_MOST_IMAGES} cells that it reaches into",
            got=str(images),
            remedy="check that its lengths are in Å, or give fractions of the cell vectors",
        )
    return product(*ranges)


def _require_range(low: float, high: float, unit: str) -> None:
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(
            "a region holds nothing",
            where="regions",
            expected=f"the lower end before the upper one, {unit}",
            got=f"{low:g} to {high:g}",
        )
