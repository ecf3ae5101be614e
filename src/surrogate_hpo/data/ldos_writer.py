"""An LDOS store written box by box: a predicted LDOS may not fit in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData, creating_ldos
from surrogate_hpo.descriptors.grid import GridBox

if TYPE_CHECKING:
    import zarr


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
    with creating_ldos(path, shape, frame, provenance) as array:
        yield LdosWriter(array)
