"""Tar archives that are the same, byte by byte, for the same content."""

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.archive.frames import FrameWriter
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing

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
