"""Tar archives: the same bytes for the same content, and headers that are read strictly.

The standard library reads every dialect of tar, recursively and with expressions whose time grows
with the square of a header. Ours has one: a plain header, before it one extended (pax) header where
the name or the size does not fit in. Everything else is handed on as it is, to be refused.
"""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from surrogate_hpo.archive.frames import FrameWriter
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing

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


_CHUNK_BYTES = 1 << 16
# Small files share a frame, so that what they have in common is stored once.
_FRAME_BYTES = 1 << 16
_BLOCK = tarfile.BLOCKSIZE


@dataclass(frozen=True)
class Member:
    """A file that goes into an archive.

    Attributes
    ----------
    name
        Path within the archive, with `/`.
    source
        The file, or its content.
    sha256
        Checksum of the content, hexadecimal.
    size
        Of the content, in bytes.
    executable
        Whether it is a program.
    """

    name: str
    source: Path | bytes
    sha256: str
    size: int
    executable: bool = False

    @classmethod
    def of(cls, name: str, source: Path | bytes, *, executable: bool = False) -> "Member":
        """Read the content once, for its checksum and size."""
        digest, size = hashlib.sha256(), 0
        for chunk in _chunks(source):
            digest.update(chunk)
            size += len(chunk)
        return cls(name, source, digest.hexdigest(), size, executable)


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk


def write_tarball(path: Path, members: Iterable[Member], *, time: int) -> None:
    """Write `*.tar.zst`, atomically; the same bytes for the same members and time.

    Parameters
    ----------
    path
        The archive.
    members
        What goes into it, in this order; owners are left out, and so are folders.
    time
        Modification time of all files, seconds since 1970.

    Raises
    ------
    DataError
        If a file changes while it is packed.
    """
    with replacing(path) as partial, partial.open("wb") as stream:
        writer = FrameWriter(stream)
        group: list[Member] = []
        for member in members:
            if group and sum(m.size + _BLOCK for m in [*group, member]) > _FRAME_BYTES:
                writer.write(_packed(group, time))
                group = []
            group.append(member)
        if group:
            writer.write(_packed(group, time))
        writer.write(iter([bytes(2 * _BLOCK)]))


def _packed(members: list[Member], time: int) -> Iterator[bytes]:
    for member in members:
        header = tarfile.TarInfo(member.name)
        header.size, header.mtime = member.size, time
        header.mode = 0o755 if member.executable else 0o644
        yield header.tobuf(tarfile.PAX_FORMAT)
        digest = hashlib.sha256()
        for chunk in _chunks(member.source):
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            raise DataError(
                "a file changed while it was packed",
                where=str(member.source),
                remedy="wait until nothing writes to the results, then pack them again",
            )
        yield bytes(-member.size % _BLOCK)
