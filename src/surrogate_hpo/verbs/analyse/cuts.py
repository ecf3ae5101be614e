"""What is gathered from a density while its planes pass: cuts, profiles, shares of atoms and parts.

Nothing of it grows with the number of planes, so that a density need not fit in memory.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.physics.space.lattice_plane import in_plane
from surrogate_hpo.verbs.analyse.parts import Parts

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]
_POINTS = 2**20


class Gathered(Protocol):
    """Something that looks at planes as they pass."""

    def add(self, begin: int, fields: FloatArray) -> None:
        """Look at some planes along the first cell vector, [field, plane, y, z]."""


def gather(planes: Iterable[tuple[int, FloatArray]], sums: Iterable[Gathered]) -> None:
    """Show all planes to all that look at them."""
    looking = list(sums)
    for begin, fields in planes:
        for one in looking:
            one.add(begin, fields)


class GridPlane:
    """The plane of the grid nearest to a place.

    Parameters
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    axis
        Number of the cell vector that leads from plane to plane.
    fraction
        Place along it, in units of the cell vector; periodic.
    shape
        Number of points of the grid along each cell vector.
    """

    def __init__(self, cell: FloatArray, axis: int, fraction: float, shape: Shape) -> None:
        self._axis, self._index = axis, round(fraction * shape[axis]) % shape[axis]
        first, second = (other for other in range(3) if other != axis)
        self.shape = shape[first], shape[second]
        self.coordinates = in_plane(cell[first], cell[second], self.shape)
        self._parts: list[FloatArray] = []

    def add(self, begin: int, fields: FloatArray) -> None:
        """Look at some planes, as of `Gathered`."""
        if self._axis:
            self._parts.append(np.take(fields, self._index, axis=self._axis + 1))
        elif begin <= self._index < begin + fields.shape[1]:
            self._parts.append(fields[:, self._index - begin])

    @property
    def values(self) -> FloatArray:
        """Fields on the plane, [field, u, v]."""
        return np.concatenate(self._parts, axis=1)


class Profile:
    """Mean and largest value of each plane along a cell vector.

    Parameters
    ----------
    axis
        Number of the cell vector.
    shape
        Number of points of the grid along each cell vector.
    """

    def __init__(self, axis: int, shape: Shape) -> None:
        self._axis, self._shape = axis, shape
        self._sums: list[FloatArray] = []
        self._largest: list[FloatArray] = []

    def add(self, begin: int, fields: FloatArray) -> None:  # noqa: ARG002 (planes come in order)
        """Look at some planes, as of `Gathered`."""
        others = tuple(other + 1 for other in range(3) if other != self._axis)
        sums, largest = fields.sum(axis=others), fields.max(axis=others)
        if self._axis and self._sums:
            self._sums[0] += sums
            np.maximum(self._largest[0], largest, out=self._largest[0])
        else:
            self._sums.append(sums)
            self._largest.append(largest)

    @property
    def means(self) -> FloatArray:
        """Mean of each plane, [field, plane]."""
        points = np.prod(self._shape) / self._shape[self._axis]
        return np.asarray(np.concatenate(self._sums, axis=1) / points, np.float64)

    @property
    def largest(self) -> FloatArray:
        """Largest value of each plane, [field, plane]."""
        return np.concatenate(self._largest, axis=1)


class AtomIntegrals:
    """Integrals of the fields, shared among atoms.

    Parameters
    ----------
    sums
        The shares.
    shape
        Number of points of the grid along each cell vector.
    """

    def __init__(self, sums: AtomSums, shape: Shape) -> None:
        self._sums, self._shape = sums, shape
        self.values: FloatArray = np.zeros(0)

    def add(self, begin: int, fields: FloatArray) -> None:
        """Look at some planes, as of `Gathered`; `values` are then [atom, field]."""
        flat = fields.reshape(len(fields), -1).T
        first = begin * self._shape[1] * self._shape[2]
        for start in range(0, len(flat), _POINTS):
            part = np.ascontiguousarray(flat[start : start + _POINTS])
            found = self._sums(part, first + start) * self._sums.volume_element
            self.values = found if self.values.size == 0 else self.values + found


class PartIntegrals:
    """Integrals of the fields over parts of space.

    Parameters
    ----------
    parts
        The parts.
    cell
        Cell vectors as rows, Å, [3, 3].
    shape
        Number of points of the grid along each cell vector.
    """

    def __init__(self, parts: Parts, cell: FloatArray, shape: Shape) -> None:
        self._parts, self._cell, self._shape = parts, cell, shape
        self.volume_element = abs(float(np.linalg.det(cell))) / float(np.prod(shape))
        self.points = dict.fromkeys(parts.spatial_names, 0)
        self.values: dict[str, FloatArray] = {}

    def add(self, begin: int, fields: FloatArray) -> None:
        """Look at some planes, as of `Gathered`; `values` are then [field] by name."""
        for plane in range(fields.shape[1]):
            box = GridBox((begin + plane, 0, 0), (begin + plane + 1, *self._shape[1:]))
            for name, inside in self._parts.masks(box, self._shape, self._cell).items():
                self.points[name] += int(inside.sum())
                found = fields[:, plane, inside[0]].sum(axis=1) * self.volume_element
                self.values[name] = self.values.get(name, 0.0) + found
