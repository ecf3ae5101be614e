"""Other programs as child processes that do not outlive an interrupted run."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from surrogate_hpo.interruption import stop_if_asked

SECONDS_TO_END = 10.0


def run_program(
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    output: IO[bytes] | int = subprocess.PIPE,
    errors: IO[bytes] | int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without a shell and without standard input.

    It is the leader of a process group of its own. A signal to the group of this process,
    such as Ctrl-C or the batch system's SIGTERM, does not reach it; if that signal ends this
    run, the program and its children are ended too.

    Parameters
    ----------
    arguments
        The program and its arguments.
    directory
        Folder to run in.
    environment
        Environment variables.
    output
        Where standard output goes; captured by default.
    errors
        Where standard error goes; captured by default.

    Returns
    -------
    subprocess.CompletedProcess
        Exit status, and as text what was captured.

    Raises
    ------
    OSError
        The program cannot be started.
    InterruptedRun
        The program failed when the run was to stop anyway, mostly of the same signal.
    """
    with subprocess.Popen(
        list(arguments),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        env=dict(environment),
        start_new_session=True,
        text=True,
        errors="replace",
    ) as child:
        try:
            said, complained = child.communicate()
        except BaseException:
            _end(child)
            raise
    if child.returncode != 0:
        stop_if_asked("the last finished file")
    return subprocess.CompletedProcess(arguments, child.returncode, said, complained)


def _end(child: subprocess.Popen[str]) -> None:
    """Ask the child's process group to end, then make it; MPI ranks can outlive their leader."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(SECONDS_TO_END)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
