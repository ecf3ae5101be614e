"""What a job cost, children included: seconds and memory used, cores and GPUs allocated."""

import logging
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.run.allocation import allocated_gpus, process_ticks
from surrogate_hpo.run.outputs import output_record

logger = logging.getLogger(__name__)

# With this the log of a job that came to its end tells its cost.
FINISHED = "finished after"
# Added up over the jobs of a stage; of the memory the largest counts.
_SUMS = (
    "wall_seconds",
    "cpu_seconds",
    "gpu_seconds",
    "allocated_cpu_seconds",
    "allocated_gpu_seconds",
)


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
    allocated_cpus
        Cores that the job had for itself, whether it used them or not.
    allocated_gpus
        GPUs that it had for itself.
    """

    stage: str
    wall_seconds: float
    cpu_seconds: float
    gpu_seconds: float
    peak_memory_mebibytes: float
    allocated_cpus: int
    allocated_gpus: int


@contextmanager
def recording_cost(
    path: Path | None, *, stage: str, threads: int, outputs: Sequence[Path] = ()
) -> Iterator[None]:
    """Bound the threads of the libraries and write the cost of the block to a JSON file.

    Parameters
    ----------
    path
        Where the cost goes; nowhere if `None`.
    stage
        Name of the stage.
    threads
        CPU threads that torch may use: the cores that the job was given.
    outputs
        Files that the block writes; their checksums go into the same file.

    Yields
    ------
    None
        While the job runs.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    yield
    cost = _cost(stage, threads)
    logger.info(
        f"{FINISHED} %.1f s, CPU %.1f s, GPU %.1f s, at most %.0f MiB",
        cost.wall_seconds,
        cost.cpu_seconds,
        cost.gpu_seconds,
        cost.peak_memory_mebibytes,
    )
    if path is not None:
        write_document(path, asdict(cost) | {"outputs": output_record(outputs)})


def _cost(stage: str, threads: int) -> Cost:
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
        allocated_cpus=threads,
        allocated_gpus=allocated_gpus(),
    )


def _age_of_this_process() -> float:
    """Seconds since the process started, imports included, as CPU time counts them too."""
    ticks = process_ticks()
    assert ticks is not None  # noqa: S101 - this process is alive
    started = ticks / os.sysconf("SC_CLK_TCK")
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
        Stage -> `jobs`, `wall_seconds`, `cpu_seconds`, `gpu_seconds`, `allocated_cpu_seconds`,
        `allocated_gpu_seconds` (cores and GPUs times wall time), `peak_memory_mebibytes`.
    """
    totals: dict[str, dict[str, float]] = {}
    for path in paths:
        cost = read_document(path, keys=tuple(Cost.__dataclass_fields__))
        for kind in ("cpu", "gpu"):
            held = cost[f"allocated_{kind}s"] * cost["wall_seconds"]
            cost[f"allocated_{kind}_seconds"] = held
        total = totals.setdefault(
            cost["stage"], {"jobs": 0, **dict.fromkeys((*_SUMS, "peak_memory_mebibytes"), 0.0)}
        )
        total["jobs"] += 1
        for key in _SUMS:
            total[key] = round(total[key] + cost[key], 3)
        total["peak_memory_mebibytes"] = max(
            total["peak_memory_mebibytes"], cost["peak_memory_mebibytes"]
        )
    return totals
