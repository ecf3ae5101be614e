"""One function in several processes that share a training, and what becomes of them."""

import logging
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from surrogate_hpo.errors import ConfigError, EngineError, InterruptedRun, SurrogateHpoError
from surrogate_hpo.interruption import (
    ANOTHER_PROCESS,
    SIGNALS,
    deferred,
    handling_signals,
    received_signal,
)
from surrogate_hpo.log import configure_logging
from surrogate_hpo.networks.group import Group

logger = logging.getLogger(__name__)
# All wait for the one that reads the slowest; that one has died, the parent sees at once.
LONGEST_WAIT = timedelta(hours=2)
# The death of one process makes the others fail too: time to hear which was the first.
SECONDS_TO_HEAR_ALL = 2.0
Function = Callable[..., None]


@dataclass(frozen=True)
class _Task:
    """What a process is to do; travels to it pickled."""

    function: Function
    options: dict[str, Any]
    group: Group
    meeting: str
    use_gpu: bool
    threads: int


@dataclass
class _Outcome:
    """How a process has ended: an error with its message, or none."""

    kind: type[BaseException] | None = None
    message: str = ""


def run_processes(
    size: int, function: Function, options: dict[str, Any], *, use_gpu: bool = False
) -> None:
    """Run a function in several new processes and wait for all; if one fails, all end.

    Parameters
    ----------
    size
        Number of processes; with a GPU one for each.
    function
        Called with `options` and `group`; a function of a module.
    options
        Keyword arguments that can be pickled.
    use_gpu
        Each process takes the CUDA device of its number.

    Raises
    ------
    ConfigError
        There are fewer CUDA devices than processes.
    InterruptedRun
        The processes were asked to stop, and did.
    EngineError
        A process was killed, or failed in a way that nobody foresaw.
    """
    if use_gpu and torch.cuda.device_count() < size:
        raise ConfigError(
            "There are fewer CUDA devices than processes.",
            where="train.processes",
            expected=f"{size} devices, one for each process",
            got=f"{torch.cuda.device_count()} visible",
            remedy="ask the batch system for more, or lower train.processes",
        )
    context = get_context("spawn")
    threads = max(1, torch.get_num_threads() // size)
    children, pipes = [], []
    with tempfile.TemporaryDirectory() as folder, deferred():
        meeting = (Path(folder).absolute() / "meeting").as_uri()
        try:
            for rank in range(size):
                here, there = context.Pipe()
                task = _Task(function, options, Group(rank, size), meeting, use_gpu, threads)
                child = context.Process(target=_work, args=(task, there), daemon=True)
                child.start()
                there.close()
                children.append(child)
                pipes.append(here)
            outcomes = _wait_for_all(children, pipes)
        finally:
            for child in children:
                child.kill()
                child.join()
    _raise_first(outcomes)


def _wait_for_all(children: Sequence[Any], pipes: Sequence[Connection]) -> list[_Outcome]:
    """Hear from all processes; after a failure only from those that speak up soon."""
    heard: dict[int, _Outcome] = {}
    forwarded, last = False, float("inf")
    while len(heard) < len(pipes) and time.monotonic() < last:
        silent = [pipe for number, pipe in enumerate(pipes) if number not in heard]
        for pipe in wait(silent, timeout=0.2):
            number = pipes.index(pipe)
            heard[number] = _hear(children[number], pipes[number])
            if heard[number].kind is not None:
                last = min(last, time.monotonic() + SECONDS_TO_HEAR_ALL)
        if received_signal() is not None and not forwarded:
            forwarded = True
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGTERM)
    return list(heard.values())


def _hear(child: Any, pipe: Connection) -> _Outcome:  # noqa: ANN401 (a context's process)
    try:
        outcome = pipe.recv()
    except EOFError:
        child.join()
        number = -child.exitcode
        stopped = received_signal()
        if stopped is not None and number in (signal.SIGTERM, signal.SIGUSR1):
            return _Outcome(InterruptedRun, str(InterruptedRun(stopped)))
        cause = signal.Signals(number).name if number > 0 else f"exit status {child.exitcode}"
        return _Outcome(EngineError, f"a process of the training was ended by {cause}")
    assert isinstance(outcome, _Outcome)  # noqa: S101 - sent by `_work`
    return outcome


def _raise_first(outcomes: Sequence[_Outcome]) -> None:
    """Raise the failure that explains the others: one with a message, a death, anything else."""
    failures = [outcome for outcome in outcomes if outcome.kind is not None]
    known = [o for o in failures if o.kind is not None and issubclass(o.kind, SurrogateHpoError)]
    for outcome in sorted(known, key=_says_little):
        assert outcome.kind is not None  # noqa: S101 - chosen above
        # The message is whole already: do not let the class put it together again.
        raise outcome.kind.__new__(outcome.kind, outcome.message)
    if failures:
        raise EngineError(
            "A process of the training failed.",
            got=failures[0].message,
            remedy="the lines above hold its traceback",
        )


def _says_little(outcome: _Outcome) -> tuple[bool, bool]:
    """Order failures: faults, then who was asked to stop, then who stopped because of that."""
    return outcome.kind is InterruptedRun, ANOTHER_PROCESS in outcome.message


def _work(task: _Task, pipe: Connection) -> None:
    """What each process runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends all
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    configure_logging()
    if not task.group.leads:
        logging.getLogger("surrogate_hpo").setLevel(logging.WARNING)
    for number in SIGNALS:  # once it has ended it waits, to be asked nothing any more
        signal.signal(number, signal.SIG_IGN)
    outcome = _Outcome()
    try:
        with handling_signals():
            _join(task)
            task.function(**task.options, group=task.group)
    except SurrogateHpoError as error:
        outcome = _Outcome(type(error), str(error))
    except Exception as error:  # noqa: BLE001 - told here and in the parent
        traceback.print_exc()
        outcome = _Outcome(RuntimeError, f"{type(error).__name__}: {error}")
    pipe.send(outcome)
    # The others would fail if this process left them; the parent ends all of them.
    threading.Event().wait()


def _join(task: _Task) -> None:
    torch.set_num_threads(task.threads)
    # All processes are on this machine; its name need not resolve.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    if task.use_gpu:
        torch.cuda.set_device(task.group.rank)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if task.use_gpu else "gloo",
        init_method=task.meeting,
        rank=task.group.rank,
        world_size=task.group.size,
        timeout=LONGEST_WAIT,
    )


def _die_with(parent: int) -> None:
    """End this process when its parent has been killed; a collective would wait for ever."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
