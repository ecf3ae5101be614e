"""Local densities of states: one zarr v3 zip file per snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from surrogate_hpo.io.zarr_zip import (
    cell_variable,
    chunk_shape,
    damage_named,
    read_dataset,
    write_dataset,
)

DIMENSIONS = ("x", "y", "z", "energy")
LDOS_ATTRIBUTES: dict[str, Any] = {"units": "1/(eV Å³)", "long_name": "local density of states"}
ENERGY_ATTRIBUTES: dict[str, Any] = {"units": "eV", "long_name": "energy"}


@dataclass(frozen=True)
class LdosData:
    """Local density of states of one snapshot.

    Attributes
    ----------
    values
        `[x, y, z, energy]`, 1/(eV Å³), float32.
    energy
        `[energy]`, eV, uniform.
    cell
        `[3, 3]`, Å, rows are lattice vectors.
    kernel
        Broadening kernel, e.g. `gaussian`.
    width
        Kernel width in eV (QE's degauss convention).
    electrons
        Electrons of the cell, as the DFT run counted them.
    """

    values: NDArray[np.float32]
    energy: NDArray[np.float64]
    cell: NDArray[np.float64]
    kernel: str
    width: float
    electrons: float

    @property
    def volume_element(self) -> float:
        """Volume of the cell per grid point, Å³."""
        return float(abs(np.linalg.det(self.cell)) / np.prod(self.values.shape[:3]))


def write_ldos(path: Path, data: LdosData, provenance: Mapping[str, Any]) -> None:
    """Write an LDOS store atomically."""
    values = xr.DataArray(
        data.values,
        dims=DIMENSIONS,
        attrs=LDOS_ATTRIBUTES,
    )
    energy = xr.DataArray(data.energy, dims="energy", attrs=ENERGY_ATTRIBUTES)
    dataset = xr.Dataset(
        {"ldos": values, "cell": cell_variable(data.cell)}, coords={"energy": energy}
    )
    chunks = {"ldos": chunk_shape(data.values.shape)}
    write_dataset(path, dataset, chunks, store_attributes(data), provenance)


def store_attributes(data: LdosData) -> dict[str, Any]:
    """What describes an LDOS beside its arrays, with units in the names."""
    return {"kernel": data.kernel, "width_ev": data.width, "electrons": data.electrons}


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


def _ldos_data(dataset: xr.Dataset) -> LdosData:
    return LdosData(
        values=np.ascontiguousarray(dataset["ldos"].values, dtype=np.float32),
        energy=np.array(dataset["energy"].values, dtype=np.float64),
        cell=np.array(dataset["cell"].values, dtype=np.float64),
        kernel=str(dataset.attrs["kernel"]),
        width=float(dataset.attrs["width_ev"]),
        electrons=float(dataset.attrs["electrons"]),
    )
