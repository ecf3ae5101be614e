"""SNAP descriptors of one snapshot: one zarr v3 zip file, written box by box.

The boxes go into a folder beside the file. When all are there it is packed under the real
name; a job that was killed leaves the folder, and its rerun adds what is missing.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from surrogate_hpo.descriptors.definition import DEFINITION_KEYS, DescriptorDefinition
from surrogate_hpo.descriptors.grid import GridBox, grid_boxes
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.zarr_zip import (
    CHECKSUM,
    COMPRESSED,
    cell_variable,
    chunk_shape,
    damage_named,
    pack,
    read_dataset,
)

if TYPE_CHECKING:
    import xarray as xr

DIMENSIONS = ("x", "y", "z", "component")


@dataclass(frozen=True)
class DescriptorData:
    """SNAP bispectrum components of one snapshot.

    Attributes
    ----------
    values
        `[x, y, z, component]`, dimensionless, float32.
    cell
        `[3, 3]`, Å, rows are lattice vectors.
    definition
        Cutoff radius, 2 J_max, weights and radii of the elements.
    """

    values: NDArray[np.float32]
    cell: NDArray[np.float64]
    definition: DescriptorDefinition


class DescriptorWriter:
    """A store in the making; see :func:`writing_descriptors`.

    Parameters
    ----------
    array
        The zarr array on disk.
    folder
        Folder of its chunks.
    """

    def __init__(self, array: "zarr.Array[Any]", folder: Path) -> None:
        self._array = array
        self._folder = folder

    @property
    def grid_shape(self) -> tuple[int, int, int]:
        """Number of points along each cell vector."""
        return _first_three(self._array.shape)

    @property
    def size(self) -> int:
        """Number of grid points."""
        return prod(self.grid_shape)

    def pending(self, points: int) -> list[GridBox]:
        """List the boxes that have no numbers yet.

        Parameters
        ----------
        points
            Largest number of points of a box; a chunk of the store is never cut.

        Returns
        -------
        list of GridBox
            Boxes of whole chunks, x slowest. Complete ones of an interrupted job are left out.
        """
        boxes = grid_boxes(self.grid_shape, self._chunk, points=points)
        return [box for box in boxes if not self._is_complete(box)]

    def write(self, box: GridBox, values: NDArray[np.floating]) -> None:
        """Put the values of a box, [points, component] with z fastest, on disk."""
        self._array[box.slices] = values.astype(np.float32, copy=False).reshape(*box.shape, -1)

    @property
    def _chunk(self) -> tuple[int, int, int]:
        return _first_three(self._array.chunks)

    def _is_complete(self, box: GridBox) -> bool:
        """Whether all chunks of a box are there; zarr renames complete chunks into place."""
        limits = zip(box.begin, box.end, self._chunk, strict=True)
        numbers = product(*(range(first // size, -(-last // size)) for first, last, size in limits))
        files = (self._folder.joinpath("c", *map(str, number), "0") for number in numbers)
        return all(file.is_file() for file in files)


@contextmanager
def writing_descriptors(
    path: Path,
    shape: tuple[int, int, int],
    cell: NDArray[np.float64],
    definition: DescriptorDefinition,
    provenance: Mapping[str, Any],
) -> Iterator[DescriptorWriter]:
    """Write a descriptor store box by box; the file appears when the block ends well.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    shape
        Number of grid points along each cell vector.
    cell
        `[3, 3]`, Å.
    definition
        What is computed.
    provenance
        What makes it. What an interrupted job left behind is taken up again only if this,
        the grid, the cell and the definition are the same.

    Yields
    ------
    DescriptorWriter
        Tells what is pending and takes the values.
    """
    folder = path.with_name(f".partial-{path.name}.folder")
    attributes = definition.as_document() | {"provenance": json.dumps(provenance, sort_keys=True)}
    identity = json.loads(json.dumps([shape, np.asarray(cell).tolist(), attributes]))
    mark = folder / "begun.json"
    if not (mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) == identity):
        shutil.rmtree(folder, ignore_errors=True)
        _create(folder, shape, cell, attributes)
        with replacing(mark) as partial:
            partial.write_text(json.dumps(identity), encoding="utf-8")
    array = zarr.open_array(folder / "store" / "descriptors", mode="r+")
    # Each of zarr's threads would reserve memory of its own.
    with zarr.config.set({"threading.max_workers": 1}):
        yield DescriptorWriter(array, folder / "store" / "descriptors")
    with replacing(path) as partial:
        pack(folder / "store", partial)
    shutil.rmtree(folder)


def _create(
    folder: Path,
    shape: tuple[int, int, int],
    cell: NDArray[np.float64],
    attributes: Mapping[str, Any],
) -> None:
    group = zarr.create_group(folder / "store", zarr_format=3, attributes=dict(attributes))
    full = (*shape, DescriptorDefinition.from_document(attributes).components)
    group.create_array(
        "descriptors",
        shape=full,
        chunks=chunk_shape(full),
        dtype=np.float32,
        compressors=CHECKSUM,  # SNAP components shrink by a tenth, at the cost of every reader
        fill_value=np.nan,
        dimension_names=DIMENSIONS,
        attributes={"units": "1", "long_name": "SNAP bispectrum component"},
        config={"write_empty_chunks": True},
    )
    vectors = cell_variable(cell)
    group.create_array(
        "cell",
        data=vectors.data,
        compressors=COMPRESSED,
        dimension_names=vectors.dims,
        attributes=vectors.attributes,
    )


def write_descriptors(path: Path, data: DescriptorData, provenance: Mapping[str, Any]) -> None:
    """Write a descriptor store at once, atomically."""
    x, y, z, components = data.values.shape
    with writing_descriptors(path, (x, y, z), data.cell, data.definition, provenance) as store:
        for box in store.pending(data.values.size // components):
            store.write(box, data.values[box.slices])


def read_descriptors(path: Path, planes: slice = slice(None)) -> DescriptorData:
    """Read a descriptor store.

    Parameters
    ----------
    path
        The file.
    planes
        Part of the grid along the first cell vector; all of it by default.

    Returns
    -------
    DescriptorData
        Dimensionless components.

    Raises
    ------
    DataError
        If the file is missing, damaged or no descriptor store.
    """
    dataset = read_dataset(
        path, "descriptors", DIMENSIONS, DEFINITION_KEYS, planes, others=("cell",)
    )
    with damage_named(path):
        return _descriptor_data(dataset)


def _descriptor_data(dataset: "xr.Dataset") -> DescriptorData:
    return DescriptorData(
        values=np.ascontiguousarray(dataset["descriptors"].values, dtype=np.float32),
        cell=np.array(dataset["cell"].values, dtype=np.float64),
        definition=DescriptorDefinition.from_document(dataset.attrs),
    )


def _first_three(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z = numbers[:3]
    return x, y, z
