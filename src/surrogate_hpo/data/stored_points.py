"""Grid points that stay in their stores, to be read in slabs when they are wanted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.datasets import (
    check_paired,
    check_same_definition,
    check_same_kind,
    flat,
    read_pair,
)
from surrogate_hpo.data.descriptor_store import read_descriptors
from surrogate_hpo.data.ldos_store import read_ldos
from surrogate_hpo.data.memory import KEPT_DESCRIPTOR_BYTES
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.files.zarr_zip import chunk_shape, grid_of
from surrogate_hpo.networks.point_parts import PointParts

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Slab:
    """Some planes of the grid of one snapshot.

    Attributes
    ----------
    descriptors
        Descriptor store.
    ldos
        LDOS store of the same snapshot.
    planes
        Which planes along the first cell vector.
    points
        Their number of grid points.
    """

    descriptors: Path
    ldos: Path
    planes: slice
    points: int

    def read(self) -> tuple[Array, Array]:
        """Return descriptors `[point, component]` and LDOS `[point, energy]`, checked."""
        descriptors, ldos = read_pair(self.descriptors, self.ldos, self.planes)
        return flat(descriptors.values), flat(ldos.values)

    def read_descriptors(self) -> Array:
        """Return descriptors alone, `[point, component]`."""
        return flat(read_descriptors(self.descriptors, self.planes).values)

    def read_ldos(self) -> Array:
        """Return the LDOS alone, `[point, energy]`, 1/(eV Å³)."""
        return flat(read_ldos(self.ldos, self.planes).values)


@dataclass(frozen=True)
class StoredPoints(HasLdosAxis):
    """Stores of some snapshots, and what is common to all of them.

    Attributes
    ----------
    stores
        Descriptor store, LDOS store and grid of each snapshot.
    components
        Number of descriptor components.
    axis
        Energies and broadening of the LDOS.
    definition
        What the descriptors are.
    """

    stores: tuple[tuple[Path, Path, tuple[int, int, int]], ...]
    components: int
    axis: LdosAxis
    definition: DescriptorDefinition

    @property
    def points(self) -> int:
        """Number of grid points of all snapshots."""
        return sum(int(np.prod(grid)) for *_, grid in self.stores)

    @property
    def bytes_per_point(self) -> int:
        """Memory that the numbers of a point take."""
        return 4 * (self.components + len(self.energy))

    def slabs(self, points: int) -> list[Slab]:
        """Cut the grids into slabs of whole planes.

        Parameters
        ----------
        points
            Largest number of points of a slab.

        Returns
        -------
        list of Slab
            All points once, snapshot after snapshot.

        Raises
        ------
        ConfigError
            Already one plane has more points.
        """
        found = []
        for descriptors, ldos, grid in self.stores:
            plane = grid[1] * grid[2]
            if plane > points:
                raise ConfigError(
                    "The memory for data is too small for one plane of the grid.",
                    where=str(ldos),
                    expected=f"{plane} points at a time or more",
                    got=f"{points}",
                    remedy="raise train.data_memory_mebibytes",
                )
            planes = points // plane
            # Whole chunks of the stores: a chunk that two slabs share is read twice.
            widths = (self.components, len(self.energy))
            chunk = max(chunk_shape((*grid, width))[0] for width in widths)
            planes = planes // chunk * chunk or planes
            for begin in range(0, grid[0], planes):
                end = min(begin + planes, grid[0])
                found.append(Slab(descriptors, ldos, slice(begin, end), (end - begin) * plane))
        return found


def open_points(descriptor_paths: Sequence[Path], ldos_paths: Sequence[Path]) -> StoredPoints:
    """Look into the stores of some snapshots, in the same order, and check that they fit.

    Parameters
    ----------
    descriptor_paths
        Descriptor stores.
    ldos_paths
        LDOS stores of the same snapshots.

    Returns
    -------
    StoredPoints
        Nothing but a plane of each store has been read.

    Raises
    ------
    DataError
        If grids, cells, energy axes, kernels or descriptors differ.
    """
    check_paired(descriptor_paths, ldos_paths)
    pairs = list(zip(descriptor_paths, ldos_paths, strict=True))
    first = read_pair(*pairs[0], planes=slice(0, 1))
    for paths in pairs[1:]:
        check_same_kind(first, read_pair(*paths, planes=slice(0, 1)), *paths)
    descriptors, ldos = first
    return StoredPoints(
        stores=tuple((*paths, grid_of(paths[1], "ldos")) for paths in pairs),
        components=descriptors.values.shape[-1],
        axis=ldos.axis,
        definition=descriptors.definition,
    )


def stored_descriptors(
    paths: Sequence[Path], *, kept_bytes: int = KEPT_DESCRIPTOR_BYTES
) -> PointParts:
    """Descriptors of some snapshots, to be gone through more than once.

    Parameters
    ----------
    paths
        Descriptor stores.
    kept_bytes
        Up to so much, what was read is kept. Of more, one store is in memory at a time, and one
        on its way.

    Returns
    -------
    PointParts
        A part per snapshot. Reading it raises DataError if it holds other descriptors than the
        first.
    """
    sizes = [math.prod(grid_of(path, "descriptors")) for path in paths]
    first = read_descriptors(paths[0], slice(0, 1))

    def read(part: int) -> Array:
        data = read_descriptors(paths[part])
        check_same_definition(first, data, paths[part])
        return flat(data.values)

    few = 4 * first.values.shape[-1] * sum(sizes) <= kept_bytes
    return PointParts(sizes, lru_cache(maxsize=None if few else 1)(read))
