"""Local densities of states: one zarr v3 zip file per snapshot."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.zarr_zip import (
    COMPRESSED,
    Variable,
    cell_variable,
    chunk_shape,
    damage_named,
    pack,
    read_dataset,
)

if TYPE_CHECKING:
    import xarray as xr

DIMENSIONS = ("x", "y", "z", "energy")
# How xarray writes down that NaN stands for what is missing: the bits of NaN in base 64.
_MISSING = {"_FillValue": "AAAAAAAA+H8="}
_LDOS_ATTRIBUTES: dict[str, Any] = {"units": "1/(eV Å³)", "long_name": "local density of states"}
_ENERGY_ATTRIBUTES = {"units": "eV", "long_name": "energy"}


@dataclass(frozen=True)
class LdosData(HasLdosAxis):
    """Local density of states of one snapshot.

    Attributes
    ----------
    values
        `[x, y, z, energy]`, 1/(eV Å³), float32.
    axis
        Energies and broadening.
    cell
        `[3, 3]`, Å, rows are lattice vectors.
    electrons
        Electrons of the cell, as the DFT run counted them.
    """

    values: NDArray[np.float32]
    axis: LdosAxis
    cell: NDArray[np.float64]
    electrons: float

    @property
    def volume_element(self) -> float:
        """Volume of the cell per grid point, Å³."""
        return float(abs(np.linalg.det(self.cell)) / np.prod(self.values.shape[:3]))


def write_ldos(path: Path, data: LdosData, provenance: Mapping[str, Any]) -> None:
    """Write an LDOS store atomically."""
    x, y, z = data.values.shape[:3]
    with creating_ldos(path, (x, y, z), data, provenance) as array:
        array[...] = data.values


@contextmanager
def creating_ldos(
    path: Path, shape: tuple[int, int, int], frame: LdosData, provenance: Mapping[str, Any]
) -> Iterator["zarr.Array[Any]"]:
    """Make an LDOS store without values; the file appears when the block that fills it ends well.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    shape
        Number of grid points along each cell vector.
    frame
        All but the values.
    provenance
        What makes it.

    Yields
    ------
    zarr.Array
        `[x, y, z, energy]`, NaN.
    """
    folder = path.with_name(f".partial-{path.name}.folder")
    shutil.rmtree(folder, ignore_errors=True)
    attributes = {
        "kernel": frame.kernel,
        "width_ev": frame.width,
        "electrons": frame.electrons,
        "provenance": json.dumps(provenance, sort_keys=True),
    }
    full = (*shape, len(frame.energy))
    energy = Variable(("energy",), frame.energy, _ENERGY_ATTRIBUTES)
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
            attributes=_LDOS_ATTRIBUTES | _MISSING,
            config={"write_empty_chunks": True},
        )
        for name, variable in (("energy", energy), ("cell", cell_variable(frame.cell))):
            group.create_array(
                name,
                data=variable.data,
                fill_value=np.nan,
                compressors=COMPRESSED,
                dimension_names=variable.dims,
                attributes=variable.attributes | _MISSING,
            )
        # Each of zarr's threads would reserve memory of its own.
        with zarr.config.set({"threading.max_workers": 1}):
            yield array
        with replacing(path) as partial:
            pack(folder, partial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_ldos(path: Path, planes: slice = slice(None)) -> LdosData:
    """Read an LDOS store.

    Parameters
    ----------
    path
        The file.
    planes
        Part of the grid along the first cell vector; all of it by default.

    Returns
    -------
    LdosData
        1/(eV Å³), energies in eV.

    Raises
    ------
    DataError
        If the file is missing, damaged or no LDOS store.
    """
    attributes = ("kernel", "width_ev", "electrons")
    others = ("energy", "cell")
    dataset = read_dataset(path, "ldos", DIMENSIONS, attributes, planes, others=others)
    with damage_named(path):
        return _ldos_data(dataset)


def _ldos_data(dataset: "xr.Dataset") -> LdosData:
    return LdosData(
        values=np.ascontiguousarray(dataset["ldos"].values, dtype=np.float32),
        axis=LdosAxis(
            energy=np.array(dataset["energy"].values, dtype=np.float64),
            kernel=str(dataset.attrs["kernel"]),
            width=float(dataset.attrs["width_ev"]),
        ),
        cell=np.array(dataset["cell"].values, dtype=np.float64),
        electrons=float(dataset.attrs["electrons"]),
    )
