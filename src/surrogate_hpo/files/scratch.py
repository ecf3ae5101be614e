"""Arrays that are too large to hold, in a file that vanishes with the process."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from surrogate_hpo.errors import DataError


class Scratch:
    """Rows of numbers that are appended once and read back in order.

    The file has no name, so that even a killed process leaves nothing behind.

    Parameters
    ----------
    folder
        Where the file is; on a disk, not in memory.
    columns
        Length of a row.
    dtype
        Precision of the numbers.
    """

    def __init__(self, folder: Path, columns: int, dtype: DTypeLike = np.float32) -> None:
        self._columns, self._dtype = columns, np.dtype(dtype)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, rows: NDArray[Any]) -> None:
        """Write some rows, [rows, columns], behind the others."""
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)

    def blocks(self, rows: int) -> Iterator[NDArray[Any]]:
        """Read all rows from the first, so many at a time; the last block may be shorter."""
        self._file.seek(0)
        while content := self._file.read(rows * self._columns * self._dtype.itemsize):
            yield np.frombuffer(bytearray(content), self._dtype).reshape(-1, self._columns)


def check_room(
    folder: Path,
    needed: int,
    what: str = "the descriptors, which are kept there for a while",
    remedy: str = "choose a folder on another disk",
) -> None:
    """Make sure that a disk has room.

    Parameters
    ----------
    folder
        On that disk.
    needed
        Bytes.
    what
        Is to be written there.
    remedy
        What can be done if there is no room.

    Raises
    ------
    DataError
        If it has not.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DataError(
            f"the disk is too full for {what}",
            where=str(folder),
            expected=f"{needed / 2**30:.1f} GiB free",
            got=f"{free / 2**30:.1f} GiB",
            remedy=remedy,
        )
