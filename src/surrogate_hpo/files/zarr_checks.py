"""Whether a store holds what its metadata says, all of its chunks, and nothing else.

zarr takes a chunk that is missing for one of fill values, NaN or zero, and passes over a file that
it does not know: both are what is left of an entry whose name was damaged.
"""

import math
import re
import zipfile
from collections.abc import Collection, Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.codecs import Crc32cCodec

from surrogate_hpo import limits
from surrogate_hpo.errors import REMAKE, DataError

if TYPE_CHECKING:
    import xarray as xr


_METADATA = "zarr.json"
_CHUNK = re.compile(r"(?P<variable>[^/]+)/c(?:/(?P<index>\d+(?:/\d+)*))?")


def check_names(names: Collection[str], path: Path) -> None:
    """Refuse what cannot be a store, before zarr guesses what it is.

    Parameters
    ----------
    names
        Of the entries of a zip file.
    path
        The file, for the message.

    Raises
    ------
    DataError
        If an entry is there twice, or chunks without the description of their array.
    """
    if len(set(names)) != len(names):
        raise _damaged(path, "two entries of one name", "each entry once")
    arrays = {match["variable"] for name in names if (match := _CHUNK.fullmatch(name))}
    needed = [_METADATA, *(f"{variable}/{_METADATA}" for variable in sorted(arrays))]
    missing = next((name for name in needed if name not in names), None)
    if missing:
        raise _damaged(path, f"{missing} is missing", "a description of each of its arrays")


def check_entries(dataset: "xr.Dataset", names: Collection[str], path: Path) -> None:
    """Compare the entries of a zip file with the arrays that are in it.

    Parameters
    ----------
    dataset
        What was opened, nothing of it read.
    names
        Of the entries.
    path
        The file, for the message.

    Raises
    ------
    DataError
        Naming the first chunk that is missing, or the entry that belongs to no array.
    """
    counts = {str(name): _chunk_counts(variable) for name, variable in dataset.variables.items()}
    found = dict.fromkeys(counts, 0)
    for name in names:
        if name == _METADATA or name.removesuffix(f"/{_METADATA}") in counts:
            continue
        match = _CHUNK.fullmatch(name)
        variable = match["variable"] if match else ""
        if not match or not _is_chunk(match["index"], counts.get(variable)):
            raise _damaged(
                path, f"an entry that belongs to no array: {name}", "chunks of its arrays alone"
            )
        found[variable] += 1
    for variable, numbers in counts.items():
        if found[variable] < math.prod(numbers) and not _may_be_left_out(dataset[variable]):
            missing = next(chunk for chunk in _chunks(variable, numbers) if chunk not in names)
            raise _damaged(
                path,
                f"{found[variable]}; {missing} is missing",
                f"{math.prod(numbers)} chunks of {variable}",
            )


def _chunk_counts(variable: "xr.Variable") -> tuple[int, ...]:
    """Number of chunks along each dimension."""
    chunks = variable.encoding.get("chunks") or variable.shape
    return tuple(-(-length // size) for length, size in zip(variable.shape, chunks, strict=True))


def _chunks(variable: str, counts: tuple[int, ...]) -> Iterator[str]:
    for numbers in product(*map(range, counts)):
        yield "/".join((variable, "c", *map(str, numbers)))


def _is_chunk(index: str | None, counts: tuple[int, ...] | None) -> bool:
    numbers = [] if index is None else [int(number) for number in index.split("/")]
    return (
        counts is not None
        and len(numbers) == len(counts)
        and all(number < count for number, count in zip(numbers, counts, strict=True))
        and index in (None, "/".join(map(str, numbers)))
    )


def _may_be_left_out(array: "xr.DataArray") -> bool:
    """Stores of earlier versions, which have no checksums, left chunks of integer zeros out."""
    checked = any(isinstance(codec, Crc32cCodec) for codec in array.encoding["compressors"] or ())
    return array.dtype.kind in "iu" and not checked


def _damaged(path: Path, got: str, expected: str) -> DataError:
    return DataError(
        "the store is damaged or incomplete",
        where=str(path),
        expected=expected,
        got=got,
        remedy=REMAKE,
    )


_MOST_DIMENSIONS = 8


def check_bounds(archive: zipfile.ZipFile, path: Path) -> None:
    """Check sizes of entries, and shapes of arrays and chunks, of a zip file that holds a store.

    Parameters
    ----------
    archive
        The file, opened.
    path
        Its path.

    Raises
    ------
    BadZipFile
        If entries are compressed or overlap: ours are neither.
    ValueError
        If a shape makes no sense, or needs more bytes or chunks than such a file can stand for.
    """
    size = path.stat().st_size
    entries = archive.infolist()
    if len(entries) > limits.CONTAINER_ENTRIES:
        raise zipfile.BadZipFile(f"{len(entries)} entries")
    if any(e.compress_type != zipfile.ZIP_STORED or e.flag_bits & 1 for e in entries):
        raise zipfile.BadZipFile("compressed or encrypted entries")
    if any(e.file_size != e.compress_size for e in entries) or (
        sum(entry.file_size for entry in entries) > size
    ):
        raise zipfile.BadZipFile("entries of more bytes than the file has")
    total = 0
    for entry in entries:
        if entry.filename.rpartition("/")[2] == _METADATA:
            if entry.file_size > limits.ZARR_METADATA_BYTES:
                raise ValueError(f"{entry.filename} of {entry.file_size} bytes")
            text = archive.read(entry).decode("utf-8")
            folder = entry.filename.removesuffix(_METADATA)
            total += _array_bytes(limits.parse_json(text, str(path)), folder, len(entries))
    if total > limits.LARGEST_COMPRESSION * size:
        raise ValueError(f"arrays of {total} bytes in a file of {size}")


def _array_bytes(metadata: Any, folder: str, entries: int) -> int:  # noqa: ANN401
    """Bytes of an array that has no more chunks than the store has entries; 0 of a group."""
    if not isinstance(metadata, dict) or metadata.get("node_type") != "array":
        return 0
    shape = _counts(metadata.get("shape"), folder)
    grid = metadata.get("chunk_grid")
    configuration = grid.get("configuration") if isinstance(grid, dict) else None
    chunks = _counts((configuration or {}).get("chunk_shape"), folder)
    if len(shape) != len(chunks):
        raise ValueError(f"{folder}: shape {shape} in chunks of {chunks}")
    numbers = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
    needed = math.prod(numbers)
    if needed > entries:
        raise ValueError(f"{folder}: {needed} chunks, but the store has {entries} entries")
    # Texts have any length; 8 bytes are those of a double.
    return 8 * math.prod(n * c for n, c in zip(numbers, chunks, strict=True))


def _counts(value: Any, folder: str) -> list[int]:  # noqa: ANN401
    fits = isinstance(value, list) and len(value) <= _MOST_DIMENSIONS
    if not fits or not all(type(n) is int and n > 0 for n in value):
        raise ValueError(f"{folder}: the shape {str(value)[:100]}")
    return list(value)
