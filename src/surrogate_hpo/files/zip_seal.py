"""A checksum of all that a zip file says beside its entries' data, in the comment at its end.

The data of entries have checksums of their own. A damaged header, date or directory mostly does
not show, or shows as an entry that is not there.
"""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from surrogate_hpo.errors import REMAKE, DataError

_SEAL = b"crc32 of all headers "
_LENGTH = len(_SEAL) + 8
_LOCAL_HEADER = 30
# The comment's length stands before it, in two bytes, at the very end of a file without one.
_LENGTH_FIELD = 2
_BLOCK_BYTES = 1 << 20


def seal(path: Path) -> None:
    """Write the checksum into the comment of a zip file that has none.

    Parameters
    ----------
    path
        A zip file of entries that are stored, complete and without comment.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        end = _end_of_file(_crc_of_headers(archive, file, path.stat().st_size))
    with path.open("r+b") as file:
        file.seek(-_LENGTH_FIELD, 2)
        file.write(end)


def check_seal(archive: zipfile.ZipFile, path: Path) -> None:
    """Compare the checksum with the headers; files of earlier versions have none.

    Parameters
    ----------
    archive
        The file, opened.
    path
        Its path.

    Raises
    ------
    DataError
        If they differ: something was changed after the file was written.
    """
    if not archive.comment:
        return
    with path.open("rb") as file:
        expected = _end_of_file(_crc_of_headers(archive, file, path.stat().st_size - _LENGTH))
        file.seek(-len(expected), 2)
        found = file.read()
    if found != expected:
        raise DataError(
            "the store is damaged or incomplete",
            where=str(path),
            expected=f"{expected!r} at its end, for the headers of its entries",
            got=repr(found),
            remedy=REMAKE,
        )


def _end_of_file(crc: int) -> bytes:
    """Length of the comment, and the comment."""
    return struct.pack("<H", _LENGTH) + _SEAL + f"{crc:08x}".encode()


def _crc_of_headers(archive: zipfile.ZipFile, file: BinaryIO, size: int) -> int:
    """CRC-32 of the headers of all entries and of the directory up to the comment's length."""
    crc = end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        file.seek(entry.header_offset)
        header = file.read(_LOCAL_HEADER)
        header += file.read(sum(struct.unpack("<HH", header[-4:])))
        crc = zlib.crc32(header, crc)
        end = file.tell() + entry.compress_size
    file.seek(end)
    left = max(size - end - _LENGTH_FIELD, 0)
    while block := file.read(min(left, _BLOCK_BYTES)):
        crc = zlib.crc32(block, crc)
        left -= len(block)
    return crc
