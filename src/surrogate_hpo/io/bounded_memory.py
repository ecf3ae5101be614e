"""A limit to the memory that a library may take while it reads a file of somebody else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import resource
except ImportError:  # pragma: no cover - systems without it have no such limit
    resource = None  # type: ignore[assignment]

# ASE needs up to 30 bytes for a byte of text, and unpacks .gz and .xz by itself.
_MINIMUM_BYTES = 512 << 20
_BYTES_PER_BYTE = 100
_STATM = Path("/proc/self/statm")


@contextmanager
def bounded_memory(path: Path) -> Iterator[None]:
    """Let the reading of a file fail with MemoryError, instead of filling the machine.

    For libraries that believe the counts in a file. Other threads have the same limit meanwhile.

    Parameters
    ----------
    path
        The file: a hundred times its size, and half a GiB, may be taken.

    Yields
    ------
    None
        While the limit holds; nothing is limited outside of Linux, and beside the main thread,
        where two limits would undo each other.
    """
    main = threading.current_thread() is threading.main_thread()
    if resource is None or not main or not _STATM.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    wanted = taken + _MINIMUM_BYTES + _BYTES_PER_BYTE * path.stat().st_size
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
