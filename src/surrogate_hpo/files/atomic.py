"""Files appear under their real name only when they are complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write to a temporary neighbour of `path`; rename it when the block ends well.

    The temporary name is fixed, so what a killed job left behind is overwritten by its rerun.

    Parameters
    ----------
    path
        Where the finished file belongs; its folder is made if needed.

    Yields
    ------
    Path
        Where to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays at the end: writers such as ASE and matplotlib choose the format by it.
    partial = path.with_name(f".partial-{path.name}")
    _remove(partial)
    try:
        yield partial
        if partial.is_file():
            with partial.open("rb") as handle:
                os.fsync(handle.fileno())
        elif path.is_dir():
            _remove(path)
        partial.replace(path)
    finally:
        _remove(partial)


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, UTF-8."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write a binary file atomically."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
