"""Snapshots of rounds that are not there: a file says why, and no job sees them.

A round of the `rounds` stage may stay empty, and a calculation of a structure that it has chosen
may fail. The graph follows from the config alone, so that files of their names must be there: they
begin with `left out: ` and the reason. A job that works for such a snapshot alone writes the same
into its own outputs; a job that takes many is given the others.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.config.base import ROUND_SNAPSHOT
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.run.interface import Input, Output
from surrogate_hpo.run.outputs import RECORDS
from surrogate_hpo.run.signature import Declared, declared

_MARK = "left out: "
_MOST_BYTES = 2000


@dataclass(frozen=True)
class Present:
    """What a job is given of the files on its command line.

    Attributes
    ----------
    options
        As before, without the snapshots that are left out.
    left_out
        Reason of each of these by name.
    own_reason
        Why the job's own snapshot is left out; None if it has none, or is there.
    """

    options: dict[str, Any]
    left_out: dict[str, str]
    own_reason: str | None


def leave_out(path: Path, reason: str) -> None:
    """Write in the place of a result why it is left out.

    Parameters
    ----------
    path
        Where the result belongs; its snapshot must be one of a round.
    reason
        In words, in one line or more.
    """
    write_text(path, f"{_MARK}{' '.join(reason.split())[: _MOST_BYTES // 4]}\n")


def reason_of(path: Path) -> str | None:
    """Why a result is left out; None if it is there, if it is missing, or of no round.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str or None
        The reason that `leave_out` was given, in one line.
    """
    if not _is_of_round(path) or not path.is_file():
        return None
    with path.open("rb") as handle:
        begin = handle.read(_MOST_BYTES)
    if not begin.startswith(_MARK.encode()):
        return None
    return begin.decode("utf-8", errors="replace").removeprefix(_MARK).strip()


def left_out_of(paths: Iterable[Path]) -> dict[str, str]:
    """Reasons of the snapshots of which any file says that it is left out.

    Parameters
    ----------
    paths
        Files of one snapshot or several.

    Returns
    -------
    dict
        Reason by name of the snapshot.
    """
    return {_snapshot(p): reason for p in paths if (reason := reason_of(p)) is not None}


def present(function: Callable[..., Any], options: Mapping[str, Any]) -> Present:
    """Take the snapshots that are left out from the files that a job was named.

    A snapshot whose calculation has failed has a structure all the same: it is left out of all
    lists of the job, so that these still pair up. What it has cost counts in any case.

    Parameters
    ----------
    function
        The job.
    options
        What it is called with, by the names of its arguments.

    Returns
    -------
    Present
        What it is to be called with, if its own snapshot is there.
    """
    roles = declared(function)
    given = {name: value for name, value in options.items() if _is_read(roles.get(name))}
    single = [path for path in given.values() if isinstance(path, Path)]
    lists = {name: value for name, value in given.items() if isinstance(value, list)}
    missing = left_out_of(p for value in lists.values() for p in value if isinstance(p, Path))
    kept = {
        name: [path for path in value if not _is_missing(path, missing)]
        for name, value in lists.items()
    }
    reasons = [reason for path in single if (reason := reason_of(path)) is not None]
    return Present({**options, **kept}, missing, reasons[0] if reasons else None)


def leave_out_outputs(
    function: Callable[..., Any], options: Mapping[str, Any], reason: str
) -> None:
    """Write the reason into all outputs of a job; of folders there are empty ones.

    Parameters
    ----------
    function
        The job.
    options
        What it is called with, by the names of its arguments.
    reason
        Why its snapshot is left out.
    """
    for name, argument in declared(function).items():
        path = options.get(name)
        if isinstance(argument.role, Output) and isinstance(path, Path):
            if argument.role.folder:
                path.mkdir(parents=True, exist_ok=True)
            else:
                leave_out(path, reason)


def _is_read(argument: Declared | None) -> bool:
    role = argument.role if argument is not None else None
    return isinstance(role, Input) and not role.also_left_out


def _is_missing(path: object, missing: Mapping[str, str]) -> bool:
    if not isinstance(path, Path) or path.is_relative_to(RECORDS):
        return False
    return _snapshot(path) in missing


def _snapshot(path: Path) -> str:
    return path.name.partition(".")[0]


def _is_of_round(path: Path) -> bool:
    return re.fullmatch(ROUND_SNAPSHOT, _snapshot(path)) is not None
