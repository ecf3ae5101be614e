"""External programs: their commands, their environment, and how they end."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from surrogate_hpo.errors import ConfigError, EngineError
from surrogate_hpo.interruption import stop_if_asked

SECONDS_TO_END = 10.0

# A module system sets them to trees that another Python, such as a wheel's, cannot load.
_PYTHON_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")
# By these an MPI library takes itself for a rank of the surrounding job; its MPI_Init aborts
# when it finds another launcher's.
_RANK_VARIABLES = ("PMI_", "PMIX_", "OMPI_", "MPI_", "SLURM_", "HYDRA_", "I_MPI_")


def split_command(command: str, *, name: str, remedy: str) -> list[str]:
    """Split a configured command into words as a shell does, without one.

    Parameters
    ----------
    command
        The command.
    name
        Of the program, for the message.
    remedy
        What to do if there are no words.

    Returns
    -------
    list of str
        One word or more.

    Raises
    ------
    ConfigError
        A quote is not closed, or there are no words.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"the {name} command cannot be split into words",
            got=repr(command),
            remedy=f"close the quotes ({error})",
        ) from error
    if not words:
        raise ConfigError(f"the {name} command is empty", remedy=remedy)
    return words


def rooted(words: Sequence[str]) -> tuple[str, ...]:
    """Make relative paths of a command absolute: programs run in folders of their own.

    Parameters
    ----------
    words
        Of the configured command; paths are relative to the folder that the workflow runs in,
        as all paths of the config are.

    Returns
    -------
    tuple of str
        Words that name files, such as `./bin/pw.x` or `qe.sif`, as absolute paths, and `~` as the
        home folder. What is found on PATH stays as it is: see `run_program`.
    """
    # Unlike Path's, it leaves the word as it is where there is no home.
    expanded = [os.path.expanduser(w) if w.startswith("~/") else w for w in words]  # noqa: PTH111
    return tuple(
        str(Path(word).absolute())
        if Path(word).is_file() and ("/" in word or (place and shutil.which(word) is None))
        else word
        for place, word in enumerate(expanded)
    )


def check_program(program: str, *, remedy: str) -> None:
    """Raise EngineError unless the program is a file to be executed, or on PATH."""
    if shutil.which(program) is None:
        raise EngineError("no such program", got=program, where="command", remedy=remedy)


def serial_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Environment for a program of a wheel, which is serial and has a Python of its own.

    Parameters
    ----------
    base
        Environment variables.

    Returns
    -------
    dict
        Without those of launchers of parallel jobs, and those that say where Python finds modules.
    """
    return {
        name: value
        for name, value in base.items()
        if not name.startswith(_RANK_VARIABLES) and name not in _PYTHON_VARIABLES
    }


def _with_rooted_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Entries of PATH may be relative to this folder; the program starts in another."""
    folders = environment.get("PATH", os.defpath).split(os.pathsep)
    return {**environment, "PATH": os.pathsep.join(map(os.path.abspath, folders))}


def run_program(
    program: Sequence[str],
    options: Sequence[str],
    *,
    name: str,
    remedy: str,
    directory: Path,
    environment: Mapping[str, str],
    output: str | None = None,
    errors: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, without a shell and without standard input.

    It is the leader of a process group of its own. A signal to the group of this process,
    such as Ctrl-C or the batch system's SIGTERM, does not reach it; if that signal ends this
    run, the program and its children are ended too.

    Parameters
    ----------
    program
        The words of the configured command.
    options
        What follows them.
    name
        Of the program, for the message.
    remedy
        What to do if it cannot be started.
    directory
        Folder to run in.
    environment
        Environment variables.
    output
        Name of the file in `directory` for standard output; captured by default.
    errors
        The same for standard error.

    Returns
    -------
    subprocess.CompletedProcess
        Exit status, and as text what was captured.

    Raises
    ------
    EngineError
        The program cannot be started.
    InterruptedRun
        The program failed when the run was to stop anyway, mostly of the same signal.
    """
    try:
        with _opened(directory, output) as out, _opened(directory, errors) as err:
            child = subprocess.Popen(
                [*program, *options],
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=_with_rooted_path(environment),
                start_new_session=True,
                text=True,
                errors="replace",
            )
    except OSError as error:
        raise EngineError(
            f"{name} cannot be started",
            where=str(directory),
            got=f"{shlex.join(program)}: {error.strerror}",
            remedy=remedy,
        ) from error
    with child:
        try:
            said, complained = child.communicate()
        except BaseException:
            _end(child)
            raise
    if child.returncode != 0:
        stop_if_asked("the last finished file")
    return subprocess.CompletedProcess([*program], child.returncode, said, complained)


@contextmanager
def _opened(directory: Path, name: str | None) -> Iterator[IO[bytes] | int]:
    if name is None:
        yield subprocess.PIPE
        return
    with (directory / name).open("wb") as file:
        yield file


def _end(child: subprocess.Popen[str]) -> None:
    """Ask the child's process group to end, then make it; MPI ranks can outlive their leader."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(SECONDS_TO_END)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def killing_signal(code: int) -> str | None:
    """Name of the signal that ended a program of this exit status; None if none did."""
    # A shell or launcher in between reports a signal as 128 + its number.
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in set(signal.Signals) else None


def last_lines(text: str, count: int) -> str:
    """The last lines that are not empty, in one."""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])
