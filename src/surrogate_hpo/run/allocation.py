"""Where a job runs and what it was given, told at the head of its log."""

import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import surrogate_hpo

SECONDS_TO_ANSWER = 20


def slurm_end_time(environment: Mapping[str, str]) -> int | None:
    """End of the surrounding Slurm job.

    Newer versions of Slurm say it in SLURM_JOB_END_TIME, which is lost where Snakemake starts the
    job's step with an environment of its own; Slurm 22.05 does not say it at all.

    Parameters
    ----------
    environment
        Environment variables.

    Returns
    -------
    int or None
        Seconds since 1970; None outside of Slurm, for a job without limit, and where Slurm does
        not answer.
    """
    job = environment.get("SLURM_JOB_ID")
    if job is None:
        return None
    question = ["squeue", "--noheader", f"--jobs={job}", "--format=%e"]
    try:
        done = subprocess.run(
            question, capture_output=True, text=True, check=True, timeout=SECONDS_TO_ANSWER
        )
        return int(time.mktime(time.strptime(done.stdout.split()[0], "%Y-%m-%dT%H:%M:%S")))
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None


# How the head of a log names the process; `surrogate-hpo status` reads it.
_STARTED = re.compile(
    r"started (?P<time>\S+) on (?P<host>\S+), process (?P<process>\d+)/(?P<ticks>\d+)"
    r"(?:, Slurm job (?P<slurm_job>\d+))?"
)
_GIT_SECONDS = 5


@dataclass(frozen=True)
class Started:
    """Which process wrote a log.

    Attributes
    ----------
    time
        When it started, ISO 8601 with its offset from UTC.
    host
        Name of the machine.
    process
        Its number there.
    ticks
        Its start in ticks since that machine's boot: numbers are used again, this is not.
    slurm_job
        Number of the Slurm job, if it was one.
    """

    time: str
    host: str
    process: int
    ticks: int
    slurm_job: str | None

    @classmethod
    def from_line(cls, line: str) -> "Started | None":
        """What a line of a log says, if it is the one that says it."""
        found = _STARTED.search(line)
        if found is None:
            return None
        return cls(
            found["time"],
            found["host"],
            int(found["process"]),
            int(found["ticks"]),
            found["slurm_job"],
        )


def process_ticks(process: int | None = None) -> int | None:
    """Start of a process in ticks since boot; None if there is no such process.

    Parameters
    ----------
    process
        Its number; this process by default.

    Returns
    -------
    int or None
        Field 22 of `/proc/<process>/stat`. A process that has ended but was not waited for
        counts as none.
    """
    try:
        text = Path(f"/proc/{process or 'self'}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    # Counted behind the name, which may hold spaces.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def allocated_gpus(environment: Mapping[str, str] = os.environ) -> int:
    """GPUs that the batch system gave to this job; without one, whether CUDA is in use.

    Parameters
    ----------
    environment
        Variables of the process.

    Returns
    -------
    int
        A number of devices.
    """
    given = environment.get("SLURM_GPUS_ON_NODE", "")
    if given.isdigit():
        return int(given)
    torch = sys.modules.get("torch")
    return int(torch is not None and torch.cuda.is_initialized())


def job_header(
    stage: str, *, threads: int, use_gpu: bool, environment: Mapping[str, str] = os.environ
) -> Iterator[str]:
    """Lines at the head of a log: versions, place, and what the job was given.

    Parameters
    ----------
    stage
        Name of the stage.
    threads
        CPU threads that it was told to use.
    use_gpu
        Whether it will use a GPU; then the devices are named.
    environment
        Variables of the process.

    Yields
    ------
    str
        A line.
    """
    package = f"surrogate-hpo {surrogate_hpo.__version__}{_commit()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch"))
    yield f"{stage}: {package}, Python {platform.python_version()}, {libraries}"
    begun = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    place = f"on {socket.gethostname()}, process {os.getpid()}/{process_ticks()}"
    yield f"started {begun} {place}{_slurm(environment)}"
    given = f"{threads} thread{'s' if threads > 1 else ''}, {_cores(environment)}"
    yield f"{given}, {_memory(environment)}, {_gpus(environment, use_gpu=use_gpu)}"


def _commit() -> str:
    """Commit of a checkout, with `-dirty` if it was changed; nothing for an installed package."""
    root = Path(surrogate_hpo.__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        described = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return f" (git {described.stdout.strip()})"


def _slurm(environment: Mapping[str, str]) -> str:
    job = environment.get("SLURM_JOB_ID")
    if job is None:
        return ""
    parts = [f"Slurm job {job}"]
    if "SLURM_ARRAY_TASK_ID" in environment:
        array = environment.get("SLURM_ARRAY_JOB_ID", "?")
        parts.append(f"array {array} task {environment['SLURM_ARRAY_TASK_ID']}")
    names = {"step": "SLURM_STEP_ID", "partition": "SLURM_JOB_PARTITION"}
    parts += [f"{word} {environment[name]}" for word, name in names.items() if name in environment]
    restarts = environment.get("SLURM_RESTART_COUNT", "0")
    return f", {' '.join(parts)}" + (f" restarted {restarts} times" if restarts != "0" else "")


def _cores(environment: Mapping[str, str]) -> str:
    given = environment.get("SLURM_CPUS_PER_TASK") or environment.get("SLURM_CPUS_ON_NODE")
    return f"{given} cores allocated" if given else f"{len(os.sched_getaffinity(0))} cores in reach"


def _memory(environment: Mapping[str, str]) -> str:
    if "SLURM_MEM_PER_NODE" in environment:
        return f"{environment['SLURM_MEM_PER_NODE']} MiB"
    if "SLURM_MEM_PER_CPU" in environment:
        return f"{environment['SLURM_MEM_PER_CPU']} MiB per core"
    return "memory not limited by Slurm"


def _gpus(environment: Mapping[str, str], *, use_gpu: bool) -> str:
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    text = "CUDA_VISIBLE_DEVICES " + ("not set" if visible is None else repr(visible))
    torch = sys.modules.get("torch")
    # Naming a device opens it, and a job that leaves it alone should not hold its memory.
    if not use_gpu or torch is None or not torch.cuda.is_available():
        return text
    devices = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return f"{text}: {', '.join(devices)}"
