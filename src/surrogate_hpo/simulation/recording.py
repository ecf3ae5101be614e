"""What is kept of a moving structure: log, trajectory, and the state that a rerun goes on from.

The state names the lengths of the other files when it was saved. What a killed run has written
behind them is cut off by the next, which computes it again with the same numbers.
"""

import csv
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.files.folder_lock import FolderLock
from surrogate_hpo.files.tables import read_table
from surrogate_hpo.formats.structures.predicted import PredictedStructure, append_predicted

LOG, TRAJECTORY, STATE = "log.csv", "trajectory.extxyz", "state.json"
FINAL, SUMMARY = "final.extxyz", "summary.json"
RDF, RDF_PICTURE = "rdf.csv", "rdf.png"
FILES = (LOG, TRAJECTORY, STATE, FINAL, SUMMARY, RDF, RDF_PICTURE)
LOCK = "lock.json"
# A kill loses no more than this, and a step.
SAVE_SECONDS = 5.0
# Steps and bytes that no run will see.
_LARGEST = 2**53
_ANEW = "start anew, which removes what is there: --anew; or name another folder: --output"


class Recording:
    """Log, trajectory and state in a folder; taken up again if a run of the same origin was there.

    Parameters
    ----------
    folder
        The folder; made if needed.
    origin
        What decides the numbers of the run, plain JSON values by name.
    anew
        Remove what an earlier run has left.

    Raises
    ------
    DataError
        Another process holds the folder, or it holds a run of another origin, files of something
        else, or a damaged run.

    Attributes
    ----------
    folder
        The folder.
    step
        The step that the kept state belongs to.
    motion
        That state; None if there is none yet.
    """

    folder: Path
    step: int
    motion: dict[str, Any] | None

    def __init__(self, folder: Path, origin: Mapping[str, Any], *, anew: bool) -> None:
        self.folder, self._origin = folder, dict(origin)
        self.step, self.motion = 0, None
        make_folder(folder)
        self._lock = FolderLock(folder / LOCK, f"surrogate-hpo {origin.get('verb', 'run')}")
        try:
            self._open(anew=anew)
        except BaseException:
            self._lock.release()
            raise
        self._log, self._trajectory = (
            (folder / name).open("a", encoding="utf-8", newline="") for name in (LOG, TRAJECTORY)
        )
        self._saved = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._log.close()
        self._trajectory.close()
        self._lock.release()

    def write_row(self, row: Mapping[str, float | int | None]) -> None:
        """Append a line to the log; the first is preceded by the names of the columns."""
        writer = csv.DictWriter(self._log, fieldnames=list(row), lineterminator="\n")
        if self._log.tell() == 0:
            writer.writeheader()
        writer.writerow(row)

    def write_frame(self, structure: PredictedStructure) -> None:
        """Append a structure to the trajectory."""
        append_predicted(self._trajectory, structure)

    def is_due(self) -> bool:
        """Whether the last save is long ago."""
        return time.monotonic() - self._saved > SAVE_SECONDS

    def save(self, step: int, motion: Mapping[str, Any]) -> None:
        """Keep a state, and all that was written until now.

        Parameters
        ----------
        step
            Number of the step.
        motion
            What the motion goes on from, plain JSON values.
        """
        for file in (self._log, self._trajectory):
            file.flush()
            os.fsync(file.fileno())
        self.step, self.motion = step, dict(motion)
        self._write_state({LOG: self._log.tell(), TRAJECTORY: self._trajectory.tell()})
        self._saved = time.monotonic()

    def column(self, name: str) -> list[float]:
        """Numbers of a column of the log, as far as it is saved."""
        return [float(row[name]) for row in read_table(self.folder / LOG, columns=[name])]

    def _write_state(self, lengths: Mapping[str, int]) -> None:
        content = {"origin": self._origin, "step": self.step, "motion": self.motion}
        write_document(self.folder / STATE, content | {"lengths": lengths})

    def _open(self, *, anew: bool) -> None:
        if anew:
            for name in FILES:
                (self.folder / name).unlink(missing_ok=True)
        if (self.folder / STATE).is_file():
            self._take_up()
        else:
            self._refuse_others()
            self._write_state({LOG: 0, TRAJECTORY: 0})

    def _take_up(self) -> None:
        path = self.folder / STATE
        try:
            state = read_document(path, keys=("origin", "step", "motion", "lengths"))
        except DataError as error:  # it tells of workflows
            raise damaged_state(self.folder, str(error)) from error
        refuse_other_origin(path, state["origin"], self._origin)
        lengths = state["lengths"] if isinstance(state["lengths"], dict) else {}
        numbers = [state["step"], *(lengths.get(name) for name in (LOG, TRAJECTORY))]
        if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
            raise damaged_state(self.folder, f"step and lengths {numbers}")
        if not isinstance(state["motion"], dict | None):
            raise damaged_state(self.folder, f"motion {str(state['motion'])[:80]}")
        for name in (LOG, TRAJECTORY):
            file, length = self.folder / name, lengths[name]
            found = file.stat().st_size if file.is_file() else 0
            if found < length:
                raise DataError(
                    "a file of the interrupted run has lost its end",
                    where=str(file),
                    expected=f"{length} bytes or more, as {STATE} says",
                    got=f"{found} bytes",
                    remedy=_ANEW,
                )
            if found:
                os.truncate(file, length)
        self.step, self.motion = state["step"], state["motion"]

    def _refuse_others(self) -> None:
        found = [name for name in FILES if (self.folder / name).exists()]
        if found:
            raise DataError(
                "the folder holds files of something else under the names of a run",
                where=str(self.folder),
                expected=f"with them {STATE}, which a run leaves behind",
                got=", ".join(found),
                remedy=_ANEW,
            )


def damaged_state(folder: Path, got: str) -> DataError:
    """Give the error to raise where a kept state is not one, with what is wrong in words."""
    return DataError(
        "the kept state of the interrupted run is damaged",
        where=str(folder / STATE),
        got="; ".join(line.strip() for line in got.splitlines()),
        remedy=_ANEW,
    )


def refuse_other_origin(path: Path, kept: object, given: Mapping[str, Any]) -> None:
    """Raise DataError if a kept run was of another origin than the given one.

    Parameters
    ----------
    path
        File of the kept state.
    kept
        Its origin.
    given
        The origin now.

    Raises
    ------
    DataError
        With what differs.
    """
    there = kept if isinstance(kept, dict) else {}
    other = [n for n in sorted({*there, *given}) if there.get(n) != given.get(n)]
    if other:
        raise DataError(
            "the folder holds a run of something else",
            where=str(path),
            expected=", ".join(f"{name} {there.get(name)}" for name in other),
            got=", ".join(f"{name} {given.get(name)}" for name in other),
            remedy=f"give the same again; {_ANEW}",
        )


def make_folder(folder: Path) -> None:
    """Make a folder for a run; raise DataError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            "the output folder cannot be made",
            where=str(folder),
            expected="a folder of your own, or a name at which one can be made",
            got=error.strerror,
            remedy="name another one: --output",
        ) from error
