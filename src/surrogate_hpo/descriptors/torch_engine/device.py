"""Devices, memory and precision of the torch engine."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from surrogate_hpo.errors import ConfigError, EngineError

# More points at a time are slower on a CPU, whose cache they overflow.
_CPU_POINTS, _GPU_POINTS = 128, 16384
_CPU_BYTES = 2**29
# A complex number, and how many arrays of its kind live at once in the recursion.
_BYTES_PER_ELEMENT = 16 * 6
_KEPT_BYTES = 2**25 - 2**16


def default_block(candidates: int, twojmax: int, device: torch.device) -> int:
    """Choose how many points at a time are fast and fit into memory.

    Parameters
    ----------
    candidates
        Most candidate neighbours of any point.
    twojmax
        2·J_max.
    device
        Where they are computed; half of a GPU's free memory is taken.

    Returns
    -------
    int
        Number of points, at least 1.
    """
    elements = (twojmax // 2 + 1) * (twojmax + 1)
    per_point = _BYTES_PER_ELEMENT * elements * max(100, candidates)
    if device.type != "cuda":
        return max(1, min(_CPU_POINTS, _CPU_BYTES // per_point))
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(_GPU_POINTS, free // 2 // per_point))


def checked_device(name: str) -> torch.device:
    """Return the device, or say what is there instead.

    Parameters
    ----------
    name
        ``"cpu"``, ``"cuda"`` or ``"cuda:1"``, ….

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ConfigError
        If there is no such kind of device.
    EngineError
        If torch does not see this GPU.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(
            "There is no such kind of device.",
            where="device",
            expected='"cpu", "cuda", or one GPU of several: "cuda:0", "cuda:1", …',
            got=repr(name),
        )
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EngineError(
            "The GPU that was asked for is not there.",
            where="device",
            expected="a CUDA device that torch can see; "
            f"it sees {torch.cuda.device_count() or 'none'}",
            got=repr(name),
            remedy='take the device "cpu" or the native engine; if the machine has a GPU, check '
            "that `nvidia-smi` shows it, and that torch was installed with CUDA",
        )
    return device


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep torch from rounding factors to 10 bits, whatever was set elsewhere."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def keep_freed_memory() -> None:
    """Keep freed memory in this process from step to step.

    Once a block of nearly 32 MiB has been freed, glibc keeps up to twice as much instead of
    giving it back after each step; getting it again would take a fifth of the time.
    """
    torch.empty(_KEPT_BYTES, dtype=torch.uint8)
