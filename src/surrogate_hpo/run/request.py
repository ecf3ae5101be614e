"""Threads, memory and time that a job asks for, from what it needs and how often it failed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.needs import basis as needs
from surrogate_hpo.run.needs import comparison as comparison_needs
from surrogate_hpo.run.needs import evaluation as evaluation_needs
from surrogate_hpo.run.needs import knoise as knoise_needs
from surrogate_hpo.run.needs import search as search_needs
from surrogate_hpo.run.needs import training as training_needs
from surrogate_hpo.run.needs.basis import MEBIBYTE, Need

# What a rule needs; one that gathers what other jobs have found needs next to nothing.
NEEDS: Mapping[str, Callable[[Case], Need]] = {
    "snapshots": needs.snapshots,
    "dft": needs.dft,
    "ldos": needs.ldos,
    "acsd": needs.acsd,
    "descriptors": needs.descriptors,
    "naswot": comparison_needs.gathering,
    "naswot_chunk": lambda case: training_needs.naswot(case, parts=case.config.naswot.chunks),
    "search": comparison_needs.gathering,
    "search_worker": lambda case: search_needs.search(case, parts=case.config.search.workers),
    "train": lambda case: training_needs.train(
        case, data_mebibytes=case.config.train.data_memory_mebibytes
    ),
    "surrogate": evaluation_needs.surrogate,
    "transfer": evaluation_needs.transfer,
    "evaluate": evaluation_needs.evaluate,
    "evaluate_snapshot": evaluation_needs.evaluate_snapshot,
    "report": evaluation_needs.report,
    "audit": comparison_needs.gathering,
    "audit_chunk": lambda case: comparison_needs.audit(case, parts=case.config.audit.chunks),
    "acsd_audit": comparison_needs.gathering,
    "acsd_audit_chunk": lambda case: comparison_needs.acsd_audit(
        case, parts=case.config.acsd_audit.chunks
    ),
    "contest": comparison_needs.contest,
    "compare": comparison_needs.compare,
    "knoise": knoise_needs.knoise,
    "knoise_snapshot": knoise_needs.knoise_snapshot,
    "learning_curve": comparison_needs.learning_curve,
    "learning_curve_network": lambda case: training_needs.train(
        case, data_mebibytes=case.config.train.data_memory_mebibytes
    ),
    "floor": evaluation_needs.floor,
    "archive": comparison_needs.archive,
    "audit_figure": comparison_needs.figure,
    "acsd_audit_figure": comparison_needs.figure,
    "learning_curve_figure": comparison_needs.figure,
}

# These go faster with more threads. `contest` does too, but its compute is what is compared.
_THREADED = (
    "descriptors",
    "naswot_chunk",
    "search_worker",
    "train",
    "transfer",
    "evaluate_snapshot",
    "learning_curve",
    "learning_curve_network",
    "audit_chunk",
    "acsd_audit_chunk",
)
_MOST_THREADS = 16
# A job that one core does within this time gets one core.
_PATIENCE_SECONDS = 2 * 3600.0
_PARALLEL_EFFICIENCY = 0.7

# An estimate that is too low kills a job, one that is too high makes it wait in the queue.
_MEMORY_MARGIN, _MEMORY_GROWTH = 1.2, 1.5
_TIME_MARGIN, _TIME_GROWTH = 3.0, 2.0
_LEAST_MEBIBYTES, _MEBIBYTES_STEP = 500, 100
# In a job step on a cluster a Snakemake of its own starts the stage, and counts: 200 measured.
_SNAKEMAKE_MEBIBYTES = 250
_MINUTES_STEP = 10


@dataclass(frozen=True)
class Request:
    """What a job asks the scheduler for.

    Attributes
    ----------
    threads
        CPU cores.
    memory_mebibytes
        Memory.
    minutes
        Time limit.
    expected_seconds
        Time that it is expected to take, without margin.
    """

    threads: int
    memory_mebibytes: int
    minutes: int
    expected_seconds: float


def request(rule: str, case: Case, *, attempt: int = 1) -> Request:
    """What a job of a rule asks for.

    Parameters
    ----------
    rule
        Name of the rule.
    case
        The case.
    attempt
        1 at first; each retry gets 1.5 times the memory and twice the time.

    Returns
    -------
    Request
        Memory with a margin of 20 % and room for Snakemake's own process, time with a margin
        of a factor of three.
    """
    need = NEEDS[rule](case)
    threads = _threads(rule, need)
    speed = threads * _PARALLEL_EFFICIENCY if threads > 1 else 1.0
    seconds = need.gpu_seconds or need.cpu_seconds / speed
    memory = need.memory_bytes / MEBIBYTE * _MEMORY_MARGIN * _MEMORY_GROWTH ** (attempt - 1)
    memory += _SNAKEMAKE_MEBIBYTES
    minutes = seconds / 60 * _TIME_MARGIN * _TIME_GROWTH ** (attempt - 1)
    return Request(
        threads=threads,
        memory_mebibytes=max(_LEAST_MEBIBYTES, _round_up(memory, _MEBIBYTES_STEP)),
        minutes=_round_up(minutes, _MINUTES_STEP),
        expected_seconds=seconds,
    )


def _threads(rule: str, need: Need) -> int:
    """A power of two that brings the job below the time that one waits for it."""
    if rule not in _THREADED or need.gpu_seconds:
        return need.fewest_threads
    wanted = need.cpu_seconds / (_PATIENCE_SECONDS * _PARALLEL_EFFICIENCY)
    if need.cpu_seconds <= _PATIENCE_SECONDS:
        return need.fewest_threads
    return max(need.fewest_threads, min(_MOST_THREADS, 1 << math.ceil(math.log2(wanted))))


def _round_up(value: float, step: int) -> int:
    return step * math.ceil(value / step)
