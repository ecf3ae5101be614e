"""Limits to the memory and time that a library may take to read a file of somebody else."""

import signal
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
# CPU time: of a slow format it takes a tenth of this.
_MINIMUM_SECONDS, _BYTES_PER_SECOND = 20.0, 50_000
_STATM = Path("/proc/self/statm")


@contextmanager
def bounded_reading(path: Path) -> Iterator[None]:
    """Let the reading of a file fail, instead of filling the machine or going on for ever.

    For libraries that believe the counts in a file. Other threads have the same limits meanwhile.

    Parameters
    ----------
    path
        The file: a hundred times its size and half a GiB may be taken, and 20 seconds of CPU time
        with as many more as it has pieces of 50 kB.

    Yields
    ------
    None
        While the limits hold; nothing is limited outside of Linux, and beside the main thread,
        where two limits would undo each other.
    """
    main = threading.current_thread() is threading.main_thread()
    if resource is None or not main or not _STATM.exists():
        yield
        return
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    wanted = taken + _MINIMUM_BYTES + _BYTES_PER_BYTE * size
    known = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    before = signal.signal(signal.SIGVTALRM, _give_up)
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), hard))
    signal.setitimer(signal.ITIMER_VIRTUAL, _MINIMUM_SECONDS + size / _BYTES_PER_SECOND)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _give_up(*_: object) -> None:
    raise TimeoutError("reading takes far longer than a file of this size needs")
