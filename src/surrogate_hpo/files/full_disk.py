"""A full disk or an exhausted quota: one message and one remedy, wherever it is met."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from surrogate_hpo.errors import EngineError, SurrogateHpoError

_FULL = {errno.ENOSPC, errno.EDQUOT}
# What is tried to be written where a program says nothing of the reason for stopping short.
_PROBE_BYTES = 2**18
_MEBIBYTE = 2**20


def full_disk(error: BaseException) -> EngineError | None:
    """The message for an error behind which a full disk is.

    Parameters
    ----------
    error
        What was raised; its causes are looked at, too.

    Returns
    -------
    EngineError or None
        With the folder and the free space in it; None if the reason is another one.
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, OSError) and current.errno in _FULL:
            named = current.filename2 or current.filename
            return _message(Path(named) if isinstance(named, str) else None)
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return None


@contextmanager
def looking_for_space(folder: Path) -> Iterator[None]:
    """Where something fails that writes into a folder, see whether there is room in it.

    Programs that are run do not say why they stop short, and what they leave looks damaged.

    Parameters
    ----------
    folder
        Where it writes.

    Yields
    ------
    None
        Nothing.

    Raises
    ------
    EngineError
        If a little file cannot be written there.
    """
    try:
        yield
    except SurrogateHpoError as error:
        try:
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"\0" * _PROBE_BYTES)
        except OSError as refusal:
            if refusal.errno in _FULL:
                raise _message(folder) from error
        raise


def _message(place: Path | None) -> EngineError:
    known = Path.cwd() if place is None else place
    folder = next((p for p in (known, *known.parents) if p.is_dir()), Path.cwd())
    free = shutil.disk_usage(folder).free / _MEBIBYTE
    return EngineError(
        "no space is left on a disk, or a quota is used up",
        where=str(folder.absolute() if place else f"{folder}, or the folder of TMPDIR"),
        got=f"{free:.1f} MiB free on that disk; a quota may allow less",
        remedy="make room or ask for more quota, then run it again: files that were complete are "
        "kept, none was left half-written under its own name; TMPDIR names the folder of "
        "temporary files",
    )
