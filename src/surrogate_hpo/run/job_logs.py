"""What the log of a job tells: which process writes it, how it ended, and whether it still runs."""

import getpass
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from surrogate_hpo.run.allocation import Started, process_ticks
from surrogate_hpo.run.cost import FINISHED

# The head of a log names its process, its end the error: more is not read of a long one.
_HEAD_BYTES, _TAIL_BYTES = 8192, 32768
_ERROR = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Interrupt|InterruptedRun|Exit)\b.*"
    r"|(?:slurmstepd|srun): error: .*|.*oom[-_ ]kill.*|.*\bKilled\b.*|Segmentation fault.*)$",
    re.MULTILINE,
)
# Where the profile lets Snakemake's plugin put what Slurm says, and the plugin's own choice.
_BATCH_LOGS = (Path("logs/slurm"), Path(".snakemake/slurm_logs"))
_SQUEUE_SECONDS = 20
# States of Slurm in which a job holds its nodes.
_RUNNING = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"})


@dataclass(frozen=True)
class JobLog:
    """What one log says.

    Attributes
    ----------
    path
        The file.
    started
        Its process; None if the head is missing, as when the config was refused.
    finished
        Whether it says that the job came to its end.
    error
        The last error, in one line; None without one.
    modified
        Last change, seconds since 1970.
    """

    path: Path
    started: Started | None
    finished: bool
    error: str | None
    modified: float

    @property
    def seconds(self) -> float | None:
        """From the start to now; None if the start is not known."""
        if self.started is None:
            return None
        try:
            begun = datetime.fromisoformat(self.started.time).timestamp()
        except ValueError:
            return None
        return max(0.0, time.time() - begun)


def read_job_log(path: Path) -> JobLog | None:
    """Read head and end of a log, whatever it holds.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    JobLog or None
        None if there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            size = stream.seek(0, 2)
            stream.seek(max(0, size - _TAIL_BYTES))
            tail = stream.read(_TAIL_BYTES)
        modified = path.stat().st_mtime
    except OSError:
        return None
    lines = head.decode("utf-8", errors="replace").splitlines()
    text = tail.decode("utf-8", errors="replace")
    errors = _ERROR.findall(text)
    return JobLog(
        path=path,
        started=next(filter(None, map(Started.from_line, lines)), None),
        finished=FINISHED in text,
        error=errors[-1].strip() if errors else None,
        modified=modified,
    )


def batch_error(slurm_job: str | None) -> str | None:
    """What Slurm itself wrote about the end of a job: out of memory, time limit, cancelled.

    Parameters
    ----------
    slurm_job
        Its number.

    Returns
    -------
    str or None
        The last error in the logs that Snakemake's plugin keeps, under the current folder.
    """
    if slurm_job is None:
        return None
    paths = (path for folder in _BATCH_LOGS for path in folder.rglob(f"{slurm_job}.log"))
    logs = filter(None, map(read_job_log, paths))
    return next((log.error for log in logs if log.error), None)


@dataclass(frozen=True)
class Queue:
    """The user's jobs in Slurm's queue.

    Attributes
    ----------
    states
        State by number of the job; None if Slurm did not answer.
    reasons
        How many jobs wait for what, in Slurm's words: Priority, or PartitionTimeLimit, for ever.
    """

    states: Mapping[str, str] | None
    reasons: Counter[str] = field(default_factory=Counter)

    @classmethod
    def ask(cls) -> "Queue":
        """Ask squeue, if there is one that answers."""
        program = shutil.which("squeue")
        if program is None:
            return cls(None)
        try:
            answer = subprocess.run(
                [program, "--noheader", "--user", getpass.getuser(), "--format", "%A %T %r"],
                capture_output=True,
                text=True,
                check=True,
                timeout=_SQUEUE_SECONDS,
            )
        except (OSError, KeyError, subprocess.SubprocessError):
            return cls(None)
        rows = [line.split(maxsplit=2) for line in answer.stdout.splitlines()]
        states = {row[0]: row[1] for row in rows if len(row) > 1}
        return cls(states, Counter(row[2] for row in rows if len(row) == 3 and row[1] == "PENDING"))

    @property
    def pending(self) -> int:
        """Jobs of the user, of this run or another, that wait for nodes."""
        return sum(state == "PENDING" for state in (self.states or {}).values())

    def is_alive(self, started: Started) -> bool | None:
        """Whether the process that wrote a log is at work.

        Parameters
        ----------
        started
            The process.

        Returns
        -------
        bool or None
            None if nobody here can tell: another machine, and no Slurm that knows.
        """
        if started.host == socket.gethostname():
            return process_ticks(started.process) == started.ticks
        if started.slurm_job is None or self.states is None:
            return None
        return self.states.get(started.slurm_job) in _RUNNING
