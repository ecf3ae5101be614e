"""Headers of a tar archive as this workflow writes it: strictly, in time and memory of their size.

The standard library reads every dialect of tar, recursively and with expressions whose time grows
with the square of a header. Ours has one: a plain header, before it one extended (pax) header where
the name or the size does not fit in. Everything else is handed on as it is, to be refused.
"""

import tarfile
from collections.abc import Mapping
from typing import Protocol

# Names are shorter than this on every file system, and there is one number beside them.
LARGEST_EXTENDED = 1 << 14
_EXTENDED = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


class Stream(Protocol):
    """What decodes an archive."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer at the end or before damage."""


def next_header(stream: Stream, *, first: bool) -> tarfile.TarInfo | None:
    """Read the next header.

    Parameters
    ----------
    stream
        At its beginning.
    first
        Whether the stream must begin with one.

    Returns
    -------
    tarfile.TarInfo or None
        With the name and size of its extended header; None at the end, which a damaged header
        looks like.

    Raises
    ------
    tarfile.TarError
        If the stream is no tar archive, or an extended header is not as ours.
    """
    header = _plain_header(stream, first)
    if header is None or header.type not in _EXTENDED:
        return header
    if not 0 <= header.size <= LARGEST_EXTENDED:
        raise tarfile.ReadError(f"an extended header of {header.size} bytes")
    records = _records(read_exactly(stream, header.size))
    skip_padding(stream, header.size)
    behind = _plain_header(stream, first=False)
    if behind is None:
        return None
    if behind.type in _EXTENDED:
        raise tarfile.ReadError("an extended header behind another")
    behind.name = records.get("path", behind.name)
    try:
        behind.size = int(records.get("size", behind.size))
    except ValueError as error:
        raise tarfile.ReadError("a size that is no number") from error
    return behind


def read_exactly(stream: Stream, size: int) -> bytes:
    """Read so many bytes; TarError if the archive ends before."""
    parts, left = [], size
    while left > 0:
        part = stream.read(left)
        if not part:
            raise tarfile.ReadError("unexpected end of data")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def skip_padding(stream: Stream, size: int) -> None:
    """Skip what fills the last block behind so many bytes."""
    read_exactly(stream, -size % tarfile.BLOCKSIZE)


def _plain_header(stream: Stream, first: bool) -> tarfile.TarInfo | None:
    try:
        block = read_exactly(stream, tarfile.BLOCKSIZE)
        return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        if first:
            raise tarfile.ReadError(str(error)) from error
        return None


def _records(content: bytes) -> Mapping[str, str]:
    """Keys and values of `length key=value` lines, the length being that of the whole line."""
    found: dict[str, str] = {}
    while content:
        length, _, _ = content[:8].partition(b" ")
        size = int(length) if length.isdigit() else 0
        record, content = content[:size], content[size:]
        key, separator, value = record[len(length) + 1 : -1].partition(b"=")
        whole = size > 0 and len(record) == size and record.endswith(b"\n")
        if not whole or not separator or key.startswith(b"GNU.sparse"):
            raise tarfile.ReadError(f"an extended header with {record[:40]!r}")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    return found
