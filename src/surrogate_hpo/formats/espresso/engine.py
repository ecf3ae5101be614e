"""Find, start and diagnose the programs of Quantum ESPRESSO."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from surrogate_hpo.errors import CalculationError, ConfigError, EngineError
from surrogate_hpo.files.programs import (
    check_program,
    killing_signal,
    last_lines,
    rooted,
    run_program,
    serial_environment,
    split_command,
)

WHEEL_VARIABLE = "SURROGATE_HPO_QE_PYTHON"
WHEEL = "wheel"
"""The command that asks for the wheel where there is a pw.x on PATH, too."""
# What a run has decided on when it started: the pw.x of PATH, or the wheel.
_DECISION = "SURROGATE_HPO_ENGINE"
_WHEEL_PLACE = Path(".venv-qe/bin/python")
_NAME = "Quantum ESPRESSO"
_REMEDY = (
    "set the command in the dft section (pw.x, mpirun -np 8 pw.x, srun pw.x), put pw.x on PATH, "
    f"or install the qepy wheel into {_WHEEL_PLACE.parent.parent} or name its Python "
    f"in {WHEEL_VARIABLE}"
)


@dataclass(frozen=True)
class Engine:
    """How to start a program of Quantum ESPRESSO.

    Attributes
    ----------
    arguments
        Argument list up to the program's own options.
    wheel
        Whether it is the serial build of the qepy wheel.
    """

    arguments: tuple[str, ...]
    wheel: bool


def find_engine(command: str | None = None, *, program: str = "pw.x") -> Engine:
    """Decide how Quantum ESPRESSO is started.

    The configured command wins, then what the run was started with (`decided_engine`), then
    `program` on PATH, then the qepy wheel: the Python named by the environment variable
    SURROGATE_HPO_QE_PYTHON, else `.venv-qe/bin/python` in the current folder or the nearest one
    above it, else beside the running environment.

    Parameters
    ----------
    command
        Configured command that ends in pw.x (with options after it, if any), or `wheel`; None
        to search.
        Relative paths are seen from the current folder.
    program
        `pw.x` or `pp.x`; the latter replaces pw.x in the configured command.

    Returns
    -------
    Engine
        The argument list.

    Raises
    ------
    ConfigError
        The command cannot be split, or pp.x is wanted and it does not contain pw.x.
    EngineError
        There is no such program.
    """
    if command is not None and command.strip() != WHEEL:
        return Engine(_configured(command, program), wheel=False)
    decided = WHEEL if command is not None else os.environ.get(_DECISION)
    found = None if decided == WHEEL else _on_path(program, decided)
    if found is not None:
        return Engine((str(Path(found).absolute()),), wheel=False)
    python = _wheel_python()
    if python is None:
        raise EngineError(f"Quantum ESPRESSO's {program} was not found", remedy=_REMEDY)
    return Engine((str(python), "-m", "qepy", f"--{program}"), wheel=True)


def decided_engine(command: str | None) -> dict[str, str]:
    """What the jobs of a run need in their environment to take the pw.x that it starts with.

    PATH and folders may be others when a later job starts, and two versions of pw.x in one run
    make two sorts of labels.

    Parameters
    ----------
    command
        Configured command; it decides alone.

    Returns
    -------
    dict
        Variables; none where the command or an earlier decision says it, or nothing was found.
    """
    if command is not None or _DECISION in os.environ:
        return {}
    try:
        engine = find_engine()
    except EngineError:
        return {}
    if engine.wheel:
        return {_DECISION: WHEEL, WHEEL_VARIABLE: engine.arguments[0]}
    return {_DECISION: engine.arguments[0]}


def _on_path(program: str, decided: str | None) -> str | None:
    """The program beside the pw.x that was decided on, else the first one on PATH."""
    if decided is None:
        return shutil.which(program)
    beside = Path(decided).with_name(program)
    if os.access(beside, os.X_OK):
        return str(beside)
    if program == "pw.x":
        raise EngineError(
            "the pw.x that this run was started with is not there",
            where=_DECISION,
            got=decided,
            remedy="load the same module on all machines, or set the command in the dft section",
        )
    return shutil.which(program)


def _configured(command: str, program: str) -> tuple[str, ...]:
    words = split_command(command, name=_NAME, remedy=_REMEDY)
    if program != "pw.x":
        renamed = [re.sub(r"pw\.x$", program, word) for word in words]
        if renamed == words:
            raise ConfigError(
                f"cannot tell how to start {program}",
                expected="a command with the word pw.x",
                got=repr(command),
            )
        words = renamed
    arguments = rooted(words)
    check_program(arguments[0], remedy=_REMEDY)
    return arguments


def _wheel_python() -> Path | None:
    named = os.environ.get(WHEEL_VARIABLE)
    if named:
        if not os.access(named, os.X_OK):
            raise EngineError("no such Python", where=WHEEL_VARIABLE, got=named, remedy=_REMEDY)
        return Path(named).absolute()
    here = Path.cwd()
    # Last, beside the environment that runs this: `snakemake --directory` may be anywhere.
    for folder in (here, *here.parents, Path(sys.prefix).parent):
        if os.access(folder / _WHEEL_PLACE, os.X_OK):
            return folder / _WHEEL_PLACE
    return None


def run_engine(
    engine: Engine,
    options: Sequence[str],
    *,
    directory: Path,
    output: str,
    errors: str,
) -> None:
    """Run a program to its end, without a shell.

    Parameters
    ----------
    engine
        What to start.
    options
        Options of the program, such as `-in` and the input file.
    directory
        Folder to run in.
    output
        File in `directory` for standard output.
    errors
        File in `directory` for standard error.

    Raises
    ------
    CalculationError
        The program reports an error of its own, or does not converge.
    EngineError
        The program cannot be started, is killed, or ends without Quantum ESPRESSO's mark of a
        complete run. The folder is left as it is in either case.
    """
    environment = serial_environment(os.environ) if engine.wheel else dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    finished = run_program(
        engine.arguments,
        options,
        name=_NAME,
        remedy=_REMEDY,
        directory=directory,
        environment=environment,
        output=output,
        errors=errors,
    )
    _diagnose(finished.returncode, directory, output, errors)


def _diagnose(code: int, directory: Path, output: str, errors: str) -> None:
    """Turn a failed run into an error that quotes the program's own words."""
    said = (directory / output).read_text(errors="replace")
    complained = (directory / errors).read_text(errors="replace")
    kept = f"{directory} (kept; output in {output}, errors in {errors})"
    block = _error_block(directory, said)
    if block:
        raise CalculationError(
            "Quantum ESPRESSO stopped with an error",
            where=kept,
            got=block,
            remedy="mend what the message names and run the stage again",
        )
    gave_up = re.search(r"convergence NOT achieved.*", said)
    if gave_up:
        accuracy = re.findall(r"estimated scf accuracy.*", said)
        raise CalculationError(
            "the self-consistent calculation did not converge",
            where=kept,
            got="; ".join([gave_up.group(0).strip(), *(line.strip() for line in accuracy[-1:])]),
            remedy="raise the maximum number of steps, lower the mixing or add empty bands",
        )
    if code == 0 and "JOB DONE" in said:
        return
    killer = killing_signal(code)
    if killer is not None:
        raise EngineError(
            f"Quantum ESPRESSO was killed by {killer}",
            where=kept,
            got=last_lines(f"{said}\n{complained}", 5),
            remedy="SIGKILL mostly means that memory ran out, SIGTERM that time did: give more",
        )
    if code and complained.strip() and not said.strip():
        raise EngineError(
            f"Quantum ESPRESSO did not begin: what starts it ended with exit status {code}",
            where=kept,
            got=last_lines(complained, 15),
            remedy=_ROOT_REMEDY if _REFUSES_ROOT.search(complained) else _START_REMEDY,
        )
    raise EngineError(
        f"Quantum ESPRESSO ended early with exit status {code}",
        where=kept,
        got=last_lines(complained, 5) or last_lines(said, 5) or "no output at all",
        remedy="see the two files; a full disk or quota is the usual reason when they stop short",
    )


# What mpirun of Open MPI says to root, as in a container.
_REFUSES_ROOT = re.compile(r"\brun(ning)? as root\b", re.IGNORECASE)
_ROOT_REMEDY = (
    "start it as another user; in a container set OMPI_ALLOW_RUN_AS_ROOT=1 and "
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
)
_START_REMEDY = "mend what the message names: try the command of the dft section by hand there"


def _error_block(directory: Path, said: str) -> str:
    texts = [said]
    crash = directory / "CRASH"
    if crash.is_file():
        texts.append(crash.read_text(errors="replace"))
    for text in texts:
        match = re.search(r"%{20,}\s*(.*?)\s*%{20,}", text, flags=re.DOTALL)
        if match:
            return " ".join(match.group(1).split())
    return ""
