"""An LDOS store written box by box: a predicted LDOS may not fit in memory."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.io.atomic import replacing
from surrogate_hpo.io.ldos_store import (
    DIMENSIONS,
    ENERGY_ATTRIBUTES,
    LDOS_ATTRIBUTES,
    LdosData,
    store_attributes,
)
from surrogate_hpo.io.zarr_zip import COMPRESSED, cell_variable, chunk_shape, pack


class LdosWriter:
    """A store in the making; see :func:`writing_ldos`.

    Parameters
    ----------
    array
        The zarr array on disk.
    """

    def __init__(self, array: "zarr.Array[Any]") -> None:
        self._array = array

    def write(self, box: GridBox, values: NDArray[np.float32]) -> None:
        """Put the values of a box, [points, energy] with z fastest, on disk."""
        self._array[box.slices] = values.reshape(*box.shape, -1)


@contextmanager
def writing_ldos(
    path: Path, shape: tuple[int, int, int], frame: LdosData, provenance: Mapping[str, Any]
) -> Iterator[LdosWriter]:
    """Write an LDOS store box by box; the file appears when the block ends well.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    shape
        Number of grid points along each cell vector.
    frame
        All but the values, which are left empty.
    provenance
        What makes it.

    Yields
    ------
    LdosWriter
        Takes the values; boxes of whole chunks are written fastest.
    """
    folder = path.with_name(f".partial-{path.name}.folder")
    shutil.rmtree(folder, ignore_errors=True)
    attributes = store_attributes(frame) | {"provenance": json.dumps(provenance, sort_keys=True)}
    full = (*shape, len(frame.energy))
    try:
        group = zarr.create_group(folder, zarr_format=3, attributes=attributes)
        array = group.create_array(
            "ldos",
            shape=full,
            chunks=chunk_shape(full),
            dtype=np.float32,
            fill_value=np.nan,
            compressors=COMPRESSED,
            dimension_names=DIMENSIONS,
            attributes=LDOS_ATTRIBUTES,
            config={"write_empty_chunks": True},
        )
        cell = cell_variable(frame.cell)
        for name, data, dimensions, words in (
            ("energy", frame.energy, ("energy",), ENERGY_ATTRIBUTES),
            ("cell", cell.values, tuple(map(str, cell.dims)), dict(cell.attrs)),
        ):
            group.create_array(
                name,
                data=data,
                compressors=COMPRESSED,
                dimension_names=dimensions,
                attributes=words,
            )
        # Each of zarr's threads would reserve memory of its own.
        with zarr.config.set({"threading.max_workers": 1}):
            yield LdosWriter(array)
        with replacing(path) as partial:
            pack(folder, partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
