"""What is predicted on a grid: stores of densities, and of an LDOS that may not fit in memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from surrogate_hpo.data.ldos_store import LdosData, creating_ldos
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.files.zarr_zip import (
    cell_variable,
    chunk_shape,
    damage_named,
    open_dataset,
    read_dataset,
    require_variable,
    write_dataset,
)

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


_DIMENSIONS = ("x", "y", "z")


@dataclass(frozen=True)
class DensityData:
    """Electron density of one structure.

    Attributes
    ----------
    values
        `[x, y, z]`, 1/Å³: the mean over the networks.
    deviation
        Standard deviation over the networks, alike; none where there is one network.
    cell
        `[3, 3]`, Å, rows are lattice vectors.
    """

    values: NDArray[np.float64]
    deviation: NDArray[np.float64] | None
    cell: NDArray[np.float64]


def write_density(path: Path, data: DensityData, provenance: Mapping[str, Any]) -> None:
    """Write a density store atomically."""
    variables = {"density": _variable(data.values, "valence electron density")}
    if data.deviation is not None:
        name = "standard deviation of the density over the networks"
        variables["density_std"] = _variable(data.deviation, name)
    chunks = dict.fromkeys(variables, chunk_shape(data.values.shape))
    dataset = xr.Dataset(variables | {"cell": cell_variable(data.cell)})
    write_dataset(path, dataset, chunks, {}, provenance)


def read_density(path: Path) -> DensityData:
    """Read a density store.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    DensityData
        1/Å³.

    Raises
    ------
    DataError
        If the file is missing, damaged or no density store.
    """
    dataset = read_dataset(path, "density", _DIMENSIONS, ("provenance",), others=("cell",))
    return DensityData(
        values=dataset["density"].values,
        deviation=dataset["density_std"].values if "density_std" in dataset else None,
        cell=dataset["cell"].values,
    )


class StoredDensity:
    """A density store of which some planes at a time are in memory.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    DataError
        If the file is missing, damaged or no density store.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._dataset = path, open_dataset(path)
        require_variable(self._dataset, path, "density", _DIMENSIONS, ("provenance",), ("cell",))
        self._names = [name for name in ("density", "density_std") if name in self._dataset]
        with damage_named(path):
            x, y, z = self._dataset["density"].shape
            self.cell: NDArray[np.float64] = self._dataset["cell"].values
        self.shape = (x, y, z)

    @property
    def has_spread(self) -> bool:
        """Whether the standard deviation over the networks is there."""
        return len(self._names) > 1

    def planes(self) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """All planes along the first cell vector, chunk by chunk.

        Yields
        ------
        int, array
            Number of the first plane, and density and standard deviation, if there is one, 1/Å³,
            [field, plane, y, z].

        Raises
        ------
        DataError
            If a chunk is damaged.
        """
        several = chunk_shape(self.shape)[0]
        for begin in range(0, self.shape[0], several):
            planes = slice(begin, begin + several)
            with damage_named(self.path):
                parts = [self._dataset[name][planes].values for name in self._names]
            yield begin, np.stack(parts)


def _variable(values: NDArray[np.float64], name: str) -> xr.DataArray:
    return xr.DataArray(values, dims=_DIMENSIONS, attrs={"units": "1/Å³", "long_name": name})
