"""Stopping in time: a signal of the batch system, or the end of the allocation.

A signal that arrives inside a `deferred` block waits there until the block asks `stop_reason`
and saves; anywhere else it raises `InterruptedRun` at once, which loses no more than a kill
does: all that stages keep is written under its real name only when it is complete.
"""

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from surrogate_hpo.errors import ConfigError, InterruptedRun

# Seconds since 1970. The first is ours, for batch systems that do not tell; Slurm sets the other.
END_TIME_VARIABLES = ("SURROGATE_HPO_END_TIME", "SLURM_JOB_END_TIME")
MARGIN_SECONDS = 60.0
# SIGTERM: cancelled, preempted or out of time. SIGUSR1: what `sbatch --signal` is mostly given.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
# The reason of a process that stops because another has to: what that one says tells more.
ANOTHER_PROCESS = "another process of this training"


@dataclass
class _State:
    received: str | None = None
    depth: int = 0
    asked: float = 0.0
    longest: float = 0.0


_state = _State()


@contextmanager
def handling_signals() -> Iterator[None]:
    """Answer SIGTERM and SIGUSR1 while the block runs; for the main thread alone.

    Yields
    ------
    None
        While the signals are answered.

    Raises
    ------
    ConfigError
        A variable that tells the end of the allocation is not a number.
    """
    _end_time()
    before = {number: signal.signal(number, _receive) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _state.received = None


@contextmanager
def deferred() -> Iterator[None]:
    """Let signals wait: the block asks `stop_reason` now and then, and saves what it has.

    Yields
    ------
    None
        While signals wait.
    """
    if not _state.depth:
        _state.asked, _state.longest = time.monotonic(), 0.0
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1


def received_signal() -> str | None:
    """Name of the signal that has arrived, if any."""
    return _state.received


def stop_reason() -> str | None:
    """Say why the run should save and stop now; ask it between items or batches.

    Returns
    -------
    str or None
        A signal has arrived, or the allocation ends in less than a minute, or in less than
        twice the longest time between two questions of this block. None: go on.
    """
    if _state.received is not None:
        return _state.received
    now = time.monotonic()
    if _state.depth:
        _state.longest = max(_state.longest, now - _state.asked)
        _state.asked = now
    left = _end_time() - time.time()
    if left < max(MARGIN_SECONDS, 2 * _state.longest):
        return f"the end of the allocation, {max(0.0, left):.0f} s away"
    return None


def stop_if_asked(saved: str) -> None:
    """Raise `InterruptedRun` if there is a reason to stop.

    Parameters
    ----------
    saved
        What a rerun will find.

    Raises
    ------
    InterruptedRun
        There is a `stop_reason`.
    """
    reason = stop_reason()
    if reason is not None:
        raise InterruptedRun(reason, saved=saved)


def _receive(number: int, _frame: FrameType | None) -> None:
    _state.received = signal.Signals(number).name
    if not _state.depth:
        raise InterruptedRun(_state.received)


def _end_time() -> float:
    """End of the allocation in seconds since 1970; infinity if nobody tells."""
    for name in END_TIME_VARIABLES:
        text = os.environ.get(name)
        if text is None:
            continue
        try:
            end = float(text)
        except ValueError:
            end = math.nan
        if math.isnan(end):
            raise ConfigError(
                "The end of the allocation is not a number.",
                where=f"environment variable {name}",
                expected="seconds since 1970, as `date +%s` prints them",
                got=repr(text),
            )
        return end
    return math.inf
