"""xarray datasets as single files: a zarr v3 folder, packed uncompressed into a zip."""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from surrogate_hpo.errors import REMAKE, DataError, SurrogateHpoError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.zarr_checks import check_bounds, check_entries, check_names
from surrogate_hpo.files.zip_seal import check_seal, seal

if TYPE_CHECKING:
    import xarray as xr

CHUNK_BYTES = 8 * 2**20
# A fixed date in every zip entry: the same numbers give the same bytes.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
# Each chunk carries a checksum of its own, also when it is taken out of the zip.
CHECKSUM = (Crc32cCodec(),)
COMPRESSED = (ZstdCodec(level=0), *CHECKSUM)


class Variable(NamedTuple):
    """An array of a store, as xarray takes it for a variable.

    Attributes
    ----------
    dims
        Names of its dimensions.
    data
        The array.
    attributes
        Unit and name in words.
    """

    dims: tuple[str, ...]
    data: NDArray[Any]
    attributes: dict[str, Any]


def cell_variable(cell: NDArray[np.float64]) -> Variable:
    """Lattice vectors as every store holds them, rows in Å."""
    attributes = {"units": "Å", "long_name": "lattice vectors"}
    return Variable(("vector", "cartesian"), np.asarray(cell, dtype=np.float64), attributes)


def chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Chunks of a float32 array [x, y, z, …]: slabs of whole x planes, so that a reader can stream.

    A plane larger than a chunk may be is cut along y.
    """
    column_bytes = int(np.prod(shape[2:])) * 4
    columns = max(1, CHUNK_BYTES // column_bytes)
    planes = min(shape[0], max(1, columns // shape[1]))
    return (planes, min(shape[1], columns), *shape[2:])


def write_dataset(
    path: Path,
    dataset: "xr.Dataset",
    chunks: Mapping[str, tuple[int, ...]],
    attributes: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> None:
    """Write a dataset atomically.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    dataset
        All of its arrays.
    chunks
        Shape of the chunks of each large variable.
    attributes
        What describes the data, plain values.
    provenance
        What made them.
    """
    dataset.attrs = {**attributes, "provenance": json.dumps(provenance, sort_keys=True)}
    encoding: dict[str, dict[str, Any]] = {
        str(name): {"compressors": COMPRESSED} for name in dataset.variables
    }
    for name, shape in chunks.items():
        encoding[name]["chunks"] = shape
    # Writing straight into a ZipStore leaves duplicate entries: write a folder, then pack it.
    with replacing(path) as partial:
        folder = partial.with_suffix(".folder")
        try:
            # All chunks: one that were left out could not be told from one that was lost.
            dataset.to_zarr(
                folder,
                mode="w",
                zarr_format=3,
                consolidated=False,
                encoding=encoding,
                write_empty_chunks=True,
            )
            pack(folder, partial)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def pack(folder: Path, target: Path) -> None:
    """Pack a zarr folder into a zip file, without compression and in a fixed order."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            if file.suffix == ".partial":  # what zarr was writing when a job was killed
                continue
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), ZIP_EPOCH)
            with file.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                shutil.copyfileobj(source, sink)
    seal(target)


def open_dataset(path: Path) -> "xr.Dataset":
    """Open a store without loading its arrays.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    xarray.Dataset
        Its arrays are read when they are used.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    # It takes a third of a second to import, and the stages that only write do without.
    import xarray as xr  # noqa: PLC0415

    if not path.is_file():
        raise DataError(
            "a store that an earlier stage writes is missing",
            where=str(path),
            remedy="let Snakemake make it: snakemake <that path>",
        )
    with damage_named(path):
        with zipfile.ZipFile(path) as archive:
            check_bounds(archive, path)
            check_seal(archive, path)
            names = archive.namelist()
        check_names(names, path)
        store = zarr.storage.ZipStore(path, mode="r")
        dataset: xr.Dataset = xr.open_zarr(store, consolidated=False, zarr_format=3, chunks=None)
        check_entries(dataset, names, path)
        return dataset


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Name the store in which reading found a damage, a wrong checksum for example."""
    try:
        yield
    except SurrogateHpoError:
        raise
    # zarr and xarray raise whatever their parsing happens to meet.
    except Exception as error:
        raise _damaged(path, error) from error


def read_dataset(
    path: Path,
    variable: str,
    dims: tuple[str, ...],
    attributes: tuple[str, ...],
    planes: slice = slice(None),
    *,
    others: tuple[str, ...] = (),
) -> "xr.Dataset":
    """Load a store that must hold a variable of these dimensions and these attributes.

    Parameters
    ----------
    path
        The file.
    variable
        Name of the variable.
    dims
        Its dimensions.
    attributes
        Names of attributes of the dataset.
    planes
        Part of the first dimension to load; all by default.
    others
        Names of other variables that must be there.

    Returns
    -------
    xarray.Dataset
        With all arrays in memory.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds something else.
    """
    dataset = open_dataset(path)
    require_variable(dataset, path, variable, dims, attributes, others)
    with damage_named(path):
        return dataset.isel({dims[0]: planes}).load()


def require_variable(
    dataset: "xr.Dataset",
    path: Path,
    variable: str,
    dims: tuple[str, ...],
    attributes: tuple[str, ...],
    others: tuple[str, ...],
) -> None:
    """Raise DataError if a store holds something else, as of `read_dataset`."""
    lacking = [key for key in attributes if key not in dataset.attrs]
    lacking += [name for name in others if name not in dataset.variables]
    if variable not in dataset or dataset[variable].dims != dims or lacking:
        raise DataError(
            f"the store holds no {variable}",
            where=str(path),
            expected=f"variable `{variable}` with dimensions {', '.join(dims)}; "
            f"{''.join(f'variable {name}; ' for name in others)}"
            f"attributes {', '.join(attributes)}",
            got=f"variables {', '.join(map(str, dataset.variables))}; "
            f"attributes {', '.join(map(str, dataset.attrs))}",
        )


def grid_of(path: Path, variable: str) -> tuple[int, int, int]:
    """Number of grid points of a variable along each cell vector, without reading it."""
    dataset = open_dataset(path)
    with damage_named(path):
        x, y, z = dataset[variable].shape[:3]
        return x, y, z


def read_provenance(path: Path) -> dict[str, Any]:
    """Provenance recorded in a store."""
    dataset = open_dataset(path)
    with damage_named(path):
        provenance: dict[str, Any] = json.loads(dataset.attrs["provenance"])
        return provenance


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        "the store is damaged or incomplete",
        where=str(path),
        got=f"{type(error).__name__}: {error}"[:500],
        remedy=REMAKE,
    )
