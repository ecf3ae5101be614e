"""External programs: their commands, their environment, and how they end."""

import shlex
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from surrogate_hpo.errors import ConfigError, EngineError

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


def check_program(program: str, *, remedy: str) -> None:
    """Raise EngineError unless the program is a file to be executed, or on PATH."""
    if shutil.which(program) is None:
        raise EngineError("no such program", got=program, where="command", remedy=remedy)


def serial_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without those of launchers of parallel jobs."""
    return {name: value for name, value in base.items() if not name.startswith(_RANK_VARIABLES)}


@contextmanager
def starting(
    arguments: Sequence[str], *, name: str, directory: Path, remedy: str
) -> Iterator[None]:
    """Explain why a program cannot be started in a folder.

    Parameters
    ----------
    arguments
        The program and its first arguments.
    name
        Of the program, for the message.
    directory
        The folder.
    remedy
        What to do.

    Raises
    ------
    EngineError
        Of the operating system's error.
    """
    try:
        yield
    except OSError as error:
        raise EngineError(
            f"{name} cannot be started",
            where=str(directory),
            got=f"{shlex.join(arguments)}: {error.strerror}",
            remedy=remedy,
        ) from error


def killing_signal(code: int) -> str | None:
    """Name of the signal that ended a program of this exit status; None if none did."""
    # A shell or launcher in between reports a signal as 128 + its number.
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in set(signal.Signals) else None


def last_lines(text: str, count: int) -> str:
    """The last lines that are not empty, in one."""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])
