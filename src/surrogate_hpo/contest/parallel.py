"""How long a search would take on several workers: which of its trials wait for which."""

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence

from surrogate_hpo.contest.methods.interface import Trial
from surrogate_hpo.contest.methods.swarm import swarm_size
from surrogate_hpo.contest.methods.tpe import OPTUNA_STARTUP_TRIALS, PARALLEL_TRIALS
from surrogate_hpo.search.options import MethodName

Trials = Sequence[Trial]


def batches(method: MethodName, trials: Trials, *, startup_trials: int) -> list[int]:
    """Number the batches of a search: its trials of one batch need no results of each other.

    Scores and trainings never share a batch. A random search and a list of scores are one
    batch each; an orthogonal array is one, and its verification another; a swarm moves in
    steps, Hyperband in rungs, direct search along lines; the trials of a TPE study after its
    random start, and the candidates of a pruner, wait for each other, unless it asks for several
    at a time.

    Parameters
    ----------
    method
        Which method.
    trials
        All its trials, in order.
    startup_trials
        Trials at random before a TPE study begins to learn.

    Returns
    -------
    list of int
        The number of the batch of each trial, from 0, never falling.
    """
    rules: dict[MethodName, Callable[[Trials], list[int]]] = {
        "random": _together,
        "tpe": lambda t: _one_by_one(t, startup_trials),
        "tpe_default": lambda t: _one_by_one(t, OPTUNA_STARTUP_TRIALS),
        "tpe_parallel": lambda t: _in_groups(t, PARALLEL_TRIALS),
        "naswot_optimised": lambda t: _one_by_one(t, startup_trials),
        "orthogonal_array": lambda t: [len(t) - 1, 1],
        "swarm": _steps,
        "swarm_two_stage": _steps,
        "hyperband": _rungs,
        "filtered_halving": _rungs,
        "direct": _lines,
    }
    one_by_one: Callable[[Trials], list[int]] = lambda t: [1] * len(t)  # noqa: E731
    scores = {"swarm_two_stage": _steps, "naswot_pruner": one_by_one}.get(method, _together)
    sizes: list[int] = []
    for kind, segment in itertools.groupby(trials, key=lambda trial: trial.kind):
        rule = scores if kind == "score" else rules.get(method, one_by_one)
        sizes += rule(list(segment))
    return [number for number, size in enumerate(sizes) for _ in range(size)]


def wall_seconds(
    batch: Sequence[int], seconds: Sequence[float], tasks: Sequence[int], *, workers: int
) -> float:
    """Wall time of a search whose batches follow each other, as `batch_ends` has it.

    Parameters
    ----------
    batch
        Number of the batch of each trial.
    seconds
        Compute of each trial.
    tasks
        Equal parts of each trial that can run at the same time.
    workers
        Number of parallel tasks.

    Returns
    -------
    float
        Seconds.
    """
    return max(batch_ends(batch, seconds, tasks, workers=workers), default=0.0)


def batch_ends(
    batch: Sequence[int], seconds: Sequence[float], tasks: Sequence[int], *, workers: int
) -> list[float]:
    """When the batch of each trial ends, if a batch starts when the one before has ended.

    Every trial is cut into equal tasks, the trainings of its initialisations. Within a batch
    the next task goes to the worker that is free first. The time to think between trials counts
    nothing.

    Parameters
    ----------
    batch
        Number of the batch of each trial.
    seconds
        Compute of each trial.
    tasks
        Equal parts of each trial that can run at the same time.
    workers
        Number of parallel tasks.

    Returns
    -------
    list of float
        Wall time since the start for each trial, s; never falling.
    """
    ends: list[float] = []
    rows = zip(batch, seconds, tasks, strict=True)
    for _, group in itertools.groupby(rows, key=lambda row: row[0]):
        members = list(group)
        free = [ends[-1] if ends else 0.0] * workers
        for _, cost, count in members:
            for _ in range(count):
                heapq.heapreplace(free, free[0] + cost / count)
        ends += [max(free)] * len(members)
    return ends


def _together(trials: Trials) -> list[int]:
    return [len(trials)]


def _one_by_one(trials: Trials, startup_trials: int) -> list[int]:
    start = min(startup_trials, len(trials))
    return [start] + [1] * (len(trials) - start)


def _steps(trials: Trials) -> list[int]:
    """Steps of a swarm."""
    return _in_groups(trials, swarm_size(len(trials)))


def _in_groups(trials: Trials, size: int) -> list[int]:
    full, rest = divmod(len(trials), size)
    return [size] * full + ([rest] if rest else [])


def _rungs(trials: Trials) -> list[int]:
    """Trainings of one length; the next rung waits for them."""
    return [len(list(rung)) for _, rung in itertools.groupby(trials, key=lambda t: t.fidelity)]


def _lines(trials: Trials) -> list[int]:
    """Trials that differ from the point where a line began in the same hyperparameter."""
    return [len(line) for line in _walk(trials)]


def _walk(trials: Trials) -> Iterator[list[Trial]]:
    base = trials[0]  # the start; which points its first line needs is known beforehand
    line, known, key = [base], [base], None
    for trial in trials[1:]:
        changed = _differences(base, trial)
        if key is None and len(changed) == 1:
            key = changed[0]
        if changed != [key]:
            yield line
            base, line = _best_on_line(base, known, key), []
            changed = _differences(base, trial)
            key = changed[0] if len(changed) == 1 else None
        line.append(trial)
        known.append(trial)
    yield line


def _differences(a: Trial, b: Trial) -> list[str]:
    return [key for key, value in a.hyperparameters.items() if b.hyperparameters[key] != value]


def _best_on_line(base: Trial, known: Trials, key: str | None) -> Trial:
    line = [t for t in known if t.evaluation.usable and set(_differences(base, t)) <= {key}]
    return min(line, key=lambda t: t.evaluation.value, default=base)
