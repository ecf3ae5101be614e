"""Zstandard files of many independent frames: a damaged one does not take the others with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import zstandard

if TYPE_CHECKING:
    from zstandard import ZstdDecompressionObj

MAGIC = b"\x28\xb5\x2f\xfd"
# Fixed, and on one thread: the same bytes in give the same bytes out.
_LEVEL, _WINDOW_LOG = 6, 22
# A frame that wants a larger window than any of ours is refused: the window is held in memory.
_LARGEST_WINDOW = 1 << 27
# A block of four bytes can stand for 128 KiB: of so much, at most 32 MiB come out at a time.
_FED_BYTES = 1024
_SEARCHED_BYTES = 1 << 20


class DamagedFrame(Exception):  # noqa: N818 - a place to go on from, not the end
    """A frame cannot be decoded.

    Parameters
    ----------
    offset
        Where it begins, in bytes of the file.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"damaged at byte {offset}")
        self.offset = offset


class FrameWriter:
    """Writes frames, each with its length and checksum.

    Parameters
    ----------
    stream
        Opened for writing.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, window_log=_WINDOW_LOG, threads=0, write_checksum=1, write_content_size=0
        )

    def write(self, chunks: Iterator[bytes]) -> None:
        """Compress all chunks into one frame."""
        compressor = zstandard.ZstdCompressor(compression_params=self._parameters).compressobj()
        for chunk in chunks:
            self._stream.write(compressor.compress(chunk))
        self._stream.write(compressor.flush())


class FrameReader:
    """Reads frames one behind the other, as if they were one stream.

    Parameters
    ----------
    path
        The file.
    offset
        Where the first frame begins.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._stream = path.open("rb")
        self._stream.seek(offset)
        self._begin, self._fed = offset, b""
        self._decoder = self._new_decoder()
        self._ready = memoryview(b"")
        self._fault: DamagedFrame | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def offset(self) -> int:
        """Where the frame that is being read begins."""
        return self._begin

    def read(self, size: int) -> bytes:
        """Decode the next bytes.

        Parameters
        ----------
        size
            How many.

        Returns
        -------
        bytes
            Fewer at the end of the file, and in front of damage.

        Raises
        ------
        DamagedFrame
            If not even one byte can be decoded, or the file ends within a frame.
        """
        parts: list[memoryview] = []
        while size > 0 and self._has_more():
            part, self._ready = self._ready[:size], self._ready[size:]
            parts.append(part)
            size -= len(part)
        if self._fault is not None and not parts:
            raise self._fault
        return b"".join(parts)

    def _has_more(self) -> bool:
        if self._fault is None and not self._ready:
            try:
                return self._decode()
            except DamagedFrame as fault:
                self._fault = fault
        return bool(self._ready)

    def _decode(self) -> bool:
        """Make more bytes ready; False at the end of the file."""
        while not self._ready:
            if self._decoder.eof:
                self._fed = self._decoder.unused_data
                self._begin = self._stream.tell() - len(self._fed)
                self._decoder = self._new_decoder()
            if not self._fed:
                self._fed = self._stream.read(_FED_BYTES)
            if not self._fed:
                if self._stream.tell() > self._begin:
                    raise DamagedFrame(self._begin)
                return False
            try:
                self._ready = memoryview(self._decoder.decompress(self._fed))
            except zstandard.ZstdError as error:
                raise DamagedFrame(self._begin) from error
            self._fed = b""
        return True

    @staticmethod
    def _new_decoder() -> "ZstdDecompressionObj":
        return zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW).decompressobj()


def next_frame(path: Path, offset: int) -> int | None:
    """Where the next bytes lie that may begin a frame.

    Parameters
    ----------
    path
        The file.
    offset
        From where to look.

    Returns
    -------
    int or None
        None if there are none.
    """
    with path.open("rb") as stream:
        stream.seek(offset)
        held = b""
        while part := stream.read(_SEARCHED_BYTES):
            held += part
            place = held.find(MAGIC)
            if place >= 0:
                return stream.tell() - len(held) + place
            held = held[-len(MAGIC) + 1 :]
    return None
