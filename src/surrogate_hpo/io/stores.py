"""Arrays on the grid: xarray datasets, each in one zarr v3 zip file."""

import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.io.atomic import replacing

Grid = NDArray[np.float32]
CHUNK_BYTES = 8 * 2**20
# A fixed date in every zip entry: the same numbers give the same bytes.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


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

    values: Grid
    energy: NDArray[np.float64]
    cell: NDArray[np.float64]
    kernel: str
    width: float
    electrons: float

    @property
    def volume_element(self) -> float:
        """Volume of the cell per grid point, Å³."""
        return float(abs(np.linalg.det(self.cell)) / np.prod(self.values.shape[:3]))


@dataclass(frozen=True)
class DescriptorData:
    """SNAP bispectrum components of one snapshot.

    Attributes
    ----------
    values
        `[x, y, z, component]`, dimensionless, float32.
    cell
        `[3, 3]`, Å.
    cutoff_radius
        Å.
    twojmax
        2 J_max.
    """

    values: Grid
    cell: NDArray[np.float64]
    cutoff_radius: float
    twojmax: int


def write_ldos(path: Path, data: LdosData, provenance: Mapping[str, Any]) -> None:
    """Write an LDOS store atomically."""
    attributes = {"kernel": data.kernel, "width_ev": data.width, "electrons": data.electrons}
    values = xr.DataArray(
        data.values,
        dims=("x", "y", "z", "energy"),
        attrs={"units": "1/(eV Å³)", "long_name": "local density of states"},
    )
    energy = xr.DataArray(data.energy, dims="energy", attrs={"units": "eV", "long_name": "energy"})
    dataset = xr.Dataset({"ldos": values}, coords={"energy": energy})
    _write(path, dataset, data.cell, attributes, provenance)


def read_ldos(path: Path) -> LdosData:
    """Read an LDOS store.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    LdosData
        1/(eV Å³), energies in eV.

    Raises
    ------
    DataError
        If the file is missing, damaged or no LDOS store.
    """
    dataset = _read(path, "ldos", ("x", "y", "z", "energy"), ("kernel", "width_ev", "electrons"))
    return LdosData(
        values=np.ascontiguousarray(dataset["ldos"].values, dtype=np.float32),
        energy=np.array(dataset["energy"].values, dtype=np.float64),
        cell=np.array(dataset["cell"].values, dtype=np.float64),
        kernel=str(dataset.attrs["kernel"]),
        width=float(dataset.attrs["width_ev"]),
        electrons=float(dataset.attrs["electrons"]),
    )


def write_descriptors(path: Path, data: DescriptorData, provenance: Mapping[str, Any]) -> None:
    """Write a descriptor store atomically."""
    attributes = {"cutoff_radius_angstrom": data.cutoff_radius, "twojmax": data.twojmax}
    values = xr.DataArray(
        data.values,
        dims=("x", "y", "z", "component"),
        attrs={"units": "1", "long_name": "SNAP bispectrum component"},
    )
    _write(path, xr.Dataset({"descriptors": values}), data.cell, attributes, provenance)


def read_descriptors(path: Path) -> DescriptorData:
    """Read a descriptor store.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    DescriptorData
        Dimensionless components.

    Raises
    ------
    DataError
        If the file is missing, damaged or no descriptor store.
    """
    dataset = _read(
        path, "descriptors", ("x", "y", "z", "component"), ("cutoff_radius_angstrom", "twojmax")
    )
    return DescriptorData(
        values=np.ascontiguousarray(dataset["descriptors"].values, dtype=np.float32),
        cell=np.array(dataset["cell"].values, dtype=np.float64),
        cutoff_radius=float(dataset.attrs["cutoff_radius_angstrom"]),
        twojmax=int(dataset.attrs["twojmax"]),
    )


def read_provenance(path: Path) -> dict[str, Any]:
    """Provenance recorded in a store."""
    provenance: dict[str, Any] = json.loads(_open(path).attrs["provenance"])
    return provenance


def _write(
    path: Path,
    dataset: xr.Dataset,
    cell: NDArray[np.float64],
    attributes: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    dataset["cell"] = xr.DataArray(
        np.asarray(cell, dtype=np.float64),
        dims=("vector", "cartesian"),
        attrs={"units": "Å", "long_name": "lattice vectors"},
    )
    dataset.attrs = {**attributes, "provenance": json.dumps(provenance, sort_keys=True)}
    (name,) = (key for key in dataset.data_vars if key != "cell")
    encoding = {name: {"chunks": _chunks(dataset[name].shape)}}
    # Writing straight into a ZipStore leaves duplicate entries: write a folder, then pack it.
    with replacing(path) as partial:
        folder = partial.with_suffix(".folder")
        try:
            dataset.to_zarr(folder, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
            _pack(folder, partial)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _chunks(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Slabs of whole x planes, so that a reader can stream along x."""
    plane_bytes = int(np.prod(shape[1:])) * 4
    return (min(shape[0], max(1, CHUNK_BYTES // plane_bytes)), *shape[1:])


def _pack(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), ZIP_EPOCH)
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)


def _open(path: Path) -> xr.Dataset:
    if not path.is_file():
        raise DataError(
            "a store that an earlier stage writes is missing",
            where=str(path),
            remedy="let Snakemake make it: snakemake <that path>",
        )
    try:
        store = zarr.storage.ZipStore(path, mode="r")
        dataset: xr.Dataset = xr.open_zarr(store, consolidated=False, zarr_format=3, chunks=None)
        return dataset
    except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error


def _read(
    path: Path, variable: str, dims: tuple[str, ...], attributes: tuple[str, ...]
) -> xr.Dataset:
    dataset = _open(path)
    lacking = [key for key in attributes if key not in dataset.attrs]
    if variable not in dataset or dataset[variable].dims != dims or lacking:
        raise DataError(
            f"the store holds no {variable}",
            where=str(path),
            expected=f"variable `{variable}` with dimensions {', '.join(dims)}; "
            f"attributes {', '.join(attributes)}",
            got=f"variables {', '.join(map(str, dataset.data_vars))}; "
            f"attributes {', '.join(map(str, dataset.attrs))}",
        )
    try:
        return dataset.load()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "the store is damaged or incomplete",
        where=str(path),
        got=f"{type(error).__name__}: {error}",
        remedy="delete it and run the workflow again; it is remade",
    )
