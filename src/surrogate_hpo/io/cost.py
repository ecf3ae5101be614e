"""What a job cost: wall, CPU and GPU seconds, children included."""

import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from surrogate_hpo.io.documents import read_document, write_document


@dataclass(frozen=True)
class Cost:
    """Cost of one job of a stage.

    Attributes
    ----------
    stage
        Name of the stage.
    wall_seconds
        Elapsed time from the job's start.
    cpu_seconds
        User and system time of the process and its children.
    gpu_seconds
        Elapsed time if a GPU was in use, else 0.
    peak_memory_mebibytes
        Largest resident set of the process or of one child.
    """

    stage: str
    wall_seconds: float
    cpu_seconds: float
    gpu_seconds: float
    peak_memory_mebibytes: float


@contextmanager
def recording_cost(path: Path | None, *, stage: str, threads: int) -> Iterator[None]:
    """Bound the threads of the libraries and write the cost of the block to a JSON file.

    Parameters
    ----------
    path
        Where the cost goes; nowhere if `None`.
    stage
        Name of the stage.
    threads
        CPU threads that torch may use.

    Yields
    ------
    None
        While the job runs.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    yield
    if path is not None:
        write_document(path, asdict(_cost(stage)))


def _cost(stage: str) -> Cost:
    wall = _age_of_this_process()
    usages = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    torch = sys.modules.get("torch")
    on_gpu = torch is not None and torch.cuda.is_initialized()
    return Cost(
        stage=stage,
        wall_seconds=round(wall, 3),
        cpu_seconds=round(sum(u.ru_utime + u.ru_stime for u in usages), 3),
        gpu_seconds=round(wall, 3) if on_gpu else 0.0,
        peak_memory_mebibytes=round(max(u.ru_maxrss for u in usages) / 1024, 1),
    )


def _age_of_this_process() -> float:
    """Seconds since the process started, imports included, as CPU time counts them too."""
    # Field 22 of /proc/self/stat, counted behind the name, which may hold spaces.
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def total_cost(paths: Sequence[Path]) -> dict[str, dict[str, float]]:
    """Sum of the costs of all jobs, per stage.

    Parameters
    ----------
    paths
        Cost records of single jobs.

    Returns
    -------
    dict
        Stage -> `jobs`, `wall_seconds`, `cpu_seconds`, `gpu_seconds`, `peak_memory_mebibytes`.
    """
    totals: dict[str, dict[str, float]] = {}
    for path in paths:
        cost = read_document(path, keys=tuple(Cost.__dataclass_fields__))
        total = totals.setdefault(
            cost.pop("stage"),
            {
                "jobs": 0,
                "wall_seconds": 0.0,
                "cpu_seconds": 0.0,
                "gpu_seconds": 0.0,
                "peak_memory_mebibytes": 0.0,
            },
        )
        total["jobs"] += 1
        for key in ("wall_seconds", "cpu_seconds", "gpu_seconds"):
            total[key] = round(total[key] + cost[key], 3)
        total["peak_memory_mebibytes"] = max(
            total["peak_memory_mebibytes"], cost["peak_memory_mebibytes"]
        )
    return totals
