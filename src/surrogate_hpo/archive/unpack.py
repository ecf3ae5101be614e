"""Unpacks archives without trust: what is damaged is named, what is hostile is refused."""

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from surrogate_hpo.archive.frames import DamagedFrame, FrameReader, next_frame
from surrogate_hpo.archive.tarball import next_header, read_exactly, skip_padding
from surrogate_hpo.errors import DataError

_CHUNK_BYTES = 1 << 16
_MOST_MEMBERS = 1_000_000
# Seconds since 1970 that any file system can store.
_LATEST_TIME = 1 << 31
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder of its own",
}


@dataclass
class Unpacked:
    """What came out of an archive.

    Attributes
    ----------
    checksums
        SHA-256 by name, of the files that could be read.
    damaged
        What could not be read: names, or places in the archive.
    """

    checksums: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)


def unpack(path: Path, folder: Path, *, largest_bytes: int) -> Unpacked:
    """Unpack `*.tar.zst` into a folder, with nothing outside of it touched.

    Parameters
    ----------
    path
        The archive, which may be damaged or hostile.
    folder
        An empty folder.
    largest_bytes
        How large all files together may be.

    Returns
    -------
    Unpacked
        Damaged parts are skipped and named; the rest is there.

    Raises
    ------
    DataError
        If it is no such archive, or holds what none of ours does: names that lead out of the
        folder, links, devices, a name twice, more bytes than allowed.
    """
    unpacking = _Unpacking(path, folder, largest_bytes)
    offset: int | None = 0
    while offset is not None:
        offset = unpacking.go_on(offset)
    if not unpacking.found.checksums:
        raise DataError(
            "the archive cannot be read",
            where=str(path),
            expected="a tar archive in Zstandard frames, *.tar.zst",
            got="nothing in it could be decoded",
            remedy="fetch or make the archive again",
        )
    return unpacking.found


class _Unpacking:
    """What is known of an archive so far."""

    def __init__(self, path: Path, folder: Path, largest_bytes: int) -> None:
        self.found = Unpacked()
        self._path, self._folder = path, folder
        self._allowed = self._left = largest_bytes
        self._current = ""

    def go_on(self, offset: int) -> int | None:
        """Unpack from the frame at this place; return where to go on after damage, if any."""
        self._current = ""
        try:
            with FrameReader(self._path, offset) as frames:
                self._read_members(frames)
                self._read_on(frames)
        except DamagedFrame as fault:
            self.found.damaged.append(self._current or f"byte {fault.offset} of the archive")
            return next_frame(self._path, fault.offset + 1)
        except tarfile.TarError as error:
            # What looked like the begin of a frame, after damage, may have been none.
            if self.found.damaged:
                return next_frame(self._path, offset + 1)
            raise _refused(self._path, f"what is no tar archive ({error})") from error
        except OSError as error:
            raise DataError(
                "the archive cannot be unpacked",
                where=str(self._path),
                got=f"{self._current}: {error.strerror}",
                remedy="unpack it where there is room, --folder; names of ours fit any file system",
            ) from error
        return None

    def _read_members(self, frames: FrameReader) -> None:
        header = next_header(frames, first=True)
        while header is not None:
            self._check(header)
            self._current = header.name
            self._store(header, _content(frames, header.size))
            self._current = ""
            skip_padding(frames, header.size)
            header = next_header(frames, first=False)

    def _read_on(self, frames: FrameReader) -> None:
        """A damaged header reads as the end of the archive; the checksum of its frame tells."""
        hidden = False
        while behind := frames.read(_CHUNK_BYTES):
            hidden = hidden or behind.count(0) < len(behind)
            self._left -= len(behind)
            if self._left < 0:
                raise _refused(self._path, "more behind its end than was allowed")
        if hidden:  # in no list, and not damaged: put there
            self.found.damaged.append("what follows the end of the archive")

    def _check(self, header: tarfile.TarInfo) -> None:
        known = self.found.checksums
        if not header.isreg() or header.issparse():
            kind = _KINDS.get(header.type, "no ordinary file")
            raise _refused(self._path, f"{header.name!r}, {kind}")
        if leads_out(header.name):
            raise _refused(self._path, f"{header.name!r}, which leads out of the folder")
        name = str(PurePosixPath(header.name))
        if name != header.name or not name.isprintable() or name == ".":
            raise _refused(self._path, f"{header.name!r}, no plain name of a file")
        if header.name in known:
            raise _refused(self._path, f"{header.name!r} twice")
        if len(known) >= _MOST_MEMBERS:
            raise _refused(self._path, f"more than {_MOST_MEMBERS} files")
        self._left -= header.size
        if header.size < 0:
            raise _refused(self._path, f"{header.name!r}, of {header.size} bytes")
        if self._left < 0:
            raise _refused(
                self._path,
                f"more than {self._allowed / 2**30:.3g} GiB, or than there is room for",
                remedy="if you know that it is so large: --largest-gibibytes, and --folder "
                "where there is room",
            )

    def _store(self, header: tarfile.TarInfo, chunks: Iterator[bytes]) -> None:
        path, digest = self._folder / header.name, hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            try:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
            except BaseException:
                path.unlink()
                raise
        path.chmod(0o755 if header.mode & 0o100 else 0o644)
        time = header.mtime if 0 <= header.mtime < _LATEST_TIME else 0
        os.utime(path, (time, time))
        self.found.checksums[header.name] = digest.hexdigest()


def _content(frames: FrameReader, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = read_exactly(frames, min(size, _CHUNK_BYTES))
        size -= len(chunk)
        yield chunk


def leads_out(name: str) -> bool:
    """Whether a path from an archive leads out of the folder that it belongs in."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name


def _refused(path: Path, what: str, *, remedy: str | None = None) -> DataError:
    return DataError(
        "the archive is refused: no archive of this workflow is like that",
        where=str(path),
        got=what,
        remedy=remedy or "nothing outside of the new folder was touched; ask who made it",
    )
