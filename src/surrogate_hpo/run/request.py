"""Threads, memory and time that a job asks for, from what it needs and how often it failed."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass

from surrogate_hpo.run.case import Case
from surrogate_hpo.run.graph import FIGURES, HELPERS
from surrogate_hpo.run.needs.basis import MEBIBYTE, Need, figure, gathering

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
    "predict_large_bracket",
    "predict_large_slab",
    "predict_large_gradient",
    "predict_large_pull",
    "predict_large",
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


def need_of(rule: str) -> Callable[[Case], Need]:
    """What finds the need of a rule's jobs: the function of its name in its stage's `needs.py`.

    Parameters
    ----------
    rule
        Name of a stage, or of a job that does part of one.

    Returns
    -------
    callable
        From the case to the need. A stage whose parts do all the work has no such function, and
        needs next to nothing itself.
    """
    if rule in FIGURES:
        return figure
    module = importlib.import_module(f"surrogate_hpo.stages.{HELPERS.get(rule, rule)}.needs")
    found: Callable[[Case], Need] | None = getattr(module, rule, None)
    if found is None and rule in HELPERS.values():
        return gathering
    if found is None:
        raise AttributeError(f"{module.__name__} lacks a function {rule}")
    return found


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
    need = need_of(rule)(case)
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
