"""What starting any external program takes: its words, its environment, why it ended."""

import shlex
import shutil
import signal
from collections.abc import Mapping

from surrogate_hpo.errors import ConfigError, EngineError

# By these an MPI library takes itself for a rank of the surrounding job; its MPI_Init aborts
# when it finds another launcher's.
_RANK_VARIABLES = ("PMI_", "PMIX_", "OMPI_", "MPI_", "SLURM_", "HYDRA_", "I_MPI_")


def serial_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables without those of launchers of parallel jobs."""
    return {name: value for name, value in base.items() if not name.startswith(_RANK_VARIABLES)}


def split_command(command: str, *, program: str, remedy: str) -> list[str]:
    """Split a configured command into words, as a shell would.

    Parameters
    ----------
    command
        The command.
    program
        What it starts, to name in messages.
    remedy
        How to set the command.

    Returns
    -------
    list of str
        At least one word.

    Raises
    ------
    ConfigError
        A quote is not closed, or there is no word.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"the {program} command cannot be split into words",
            got=repr(command),
            remedy=f"close the quotes ({error})",
        ) from error
    if not words:
        raise ConfigError(f"the {program} command is empty", remedy=remedy)
    return words


def check_program(name: str, *, remedy: str) -> None:
    """Raise EngineError unless there is a program of this name or path."""
    if shutil.which(name) is None:
        raise EngineError("no such program", got=name, where="command", remedy=remedy)


def killing_signal(code: int) -> str | None:
    """Name the signal that an exit status stands for; None if it stands for none."""
    # A shell or launcher in between reports a signal as 128 + its number.
    number = -code if code < 0 else code - 128
    return signal.Signals(number).name if number in set(signal.Signals) else None


def last_lines(text: str, count: int) -> str:
    """Join the last lines of an output that are not empty."""
    return " / ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])
