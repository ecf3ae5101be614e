"""Whether a packed store holds what its metadata says, before an array of that size is made."""

import math
import zipfile
from pathlib import Path
from typing import Any

from surrogate_hpo import limits

_MOST_DIMENSIONS = 8
_METADATA = "zarr.json"


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
