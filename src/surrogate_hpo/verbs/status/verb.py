"""How far a run is: jobs done, running, failed and waiting, from its files and Slurm's queue."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from surrogate_hpo.config.project import Config
from surrogate_hpo.run.graph import ON_REQUEST
from surrogate_hpo.run.job_logs import JobLog, Queue, batch_error, read_job_log
from surrogate_hpo.run.left_out import left_out_of
from surrogate_hpo.run.plan import chain, cost_path, items, log_path
from surrogate_hpo.run.slurm.refusals import refused_submissions

State = Literal["done", "running", "failed", "unknown", "waiting"]
STATES: tuple[State, ...] = ("done", "running", "failed", "unknown", "waiting")
# Of many jobs of one kind, so many are named.
_NAMED = 10
_EXPLAINED: dict[State, str] = {
    "running": "Running:",
    "failed": "Failed; `snakemake` with the same options does them again:",
    "unknown": "Begun; whether they still run cannot be told from here:",
}


@dataclass(frozen=True)
class JobStatus:
    """Where one job stands.

    Attributes
    ----------
    stage
        Name of the stage.
    item
        Snapshot, initialisation, method, or `all`.
    state
        One of `STATES`.
    log
        Its log, if there is one.
    """

    stage: str
    item: str
    state: State
    log: JobLog | None

    @property
    def name(self) -> str:
        """Stage and item."""
        return self.stage if self.item == "all" else f"{self.stage} {self.item}"


def status(config: Config) -> str:
    """Tell how far the run of the current folder is. Reads files only and locks nothing.

    Parameters
    ----------
    config
        The whole config.

    Returns
    -------
    str
        A line per stage, then each job that runs, failed, or was lost: where and how long, its
        last error in one line, its log.
    """
    folder, queue = Path(), Queue.ask()
    jobs = job_states(folder, config, queue)
    return "\n".join(
        [
            *_table(jobs),
            *(line for state in _EXPLAINED for line in _details(jobs, state)),
            *(["", *lines] if (lines := refused(folder)) else []),
            *_left_out(folder, config),
            "",
            *_summary(jobs, folder, queue),
        ]
    )


def job_states(folder: Path, config: Config, queue: Queue) -> list[JobStatus]:
    """Where each job of a run stands.

    Parameters
    ----------
    folder
        In which snakemake runs.
    config
        The whole config.
    queue
        Slurm's.

    Returns
    -------
    list of JobStatus
        Those of the chain; of what runs when asked for (audits, contests, k noise) only the begun
        ones.
    """
    stages = chain(config)
    extra = [stage for stage in ON_REQUEST if stage not in stages]
    begun = [s for s in extra if any(_begun(folder, *job) for job in _jobs([s], config))]
    found = []
    for stage, item in _jobs([*stages, *begun], config):
        log = read_job_log(folder / log_path(stage, item))
        made = (folder / cost_path(stage, item)).exists()
        found.append(JobStatus(stage, item, _state(log, made, queue), log))
    return found


def refused(folder: Path) -> list[str]:
    """Tell which jobs sbatch refused; no log of theirs does, because Slurm never had them.

    Parameters
    ----------
    folder
        In which snakemake ran.

    Returns
    -------
    list of str
        Lines; none if it refused nothing in the last run.
    """
    log, refusals = refused_submissions(folder)
    if not refusals:
        return []
    lines = [f"Refused by sbatch in the last run of snakemake ({log}):"]
    lines += [f"  {job.name}: {job.reason or 'no reason was kept'}" for job in refusals[:_NAMED]]
    if len(refusals) > _NAMED:
        lines.append(f"  and {len(refusals) - _NAMED} more")
    ask = "  `surrogate-hpo profile check slurm` asks Slurm which entry of the profile it refuses."
    return [*lines, ask]


def _jobs(stages: Sequence[str], config: Config) -> list[tuple[str, str]]:
    return [(stage, item) for stage in stages for item in items(stage, config)]


def _begun(folder: Path, stage: str, item: str) -> bool:
    return any((folder / path(stage, item)).exists() for path in (cost_path, log_path))


def _state(log: JobLog | None, made: bool, queue: Queue) -> State:
    """Snakemake deletes the record before a job begins, and the job writes it at its end."""
    if made:
        return "done"
    if log is None or log.finished:
        return "waiting"
    alive = None if log.started is None else queue.is_alive(log.started)
    if alive:
        return "running"
    # Without a head it is still starting, or was killed while it did.
    return "unknown" if alive is None and log.error is None else "failed"


def _table(jobs: Sequence[JobStatus]) -> Iterator[str]:
    stages = list(dict.fromkeys(job.stage for job in jobs))
    counts = {stage: Counter(job.state for job in jobs if job.stage == stage) for stage in stages}
    shown = [s for s in STATES if s in ("done", "waiting") or any(c[s] for c in counts.values())]
    width = max(map(len, stages))
    yield f"{'stage':{width}}  {'jobs':>5}" + "".join(f"  {state:>8}" for state in shown)
    for stage, count in counts.items():
        numbers = "".join(f"  {count[state] or '':>8}" for state in shown)
        yield f"{stage:{width}}  {count.total():>5}{numbers}".rstrip()


def _details(jobs: Sequence[JobStatus], state: State) -> Iterator[str]:
    chosen = [job for job in jobs if job.state == state]
    if not chosen:
        return
    yield from ("", _EXPLAINED[state])
    for job in chosen[:_NAMED]:
        yield f"  {job.name}: {_place(job)}" if job.log else f"  {job.name}"
        if state == "failed":
            yield f"    {_error(job)}"
    if len(chosen) > _NAMED:
        yield f"  and {len(chosen) - _NAMED} more"


def _left_out(folder: Path, config: Config) -> Iterator[str]:
    """Snapshots of rounds that have no result, as far as it is known by now."""
    names = config.rounds.names()
    found = left_out_of(folder / "results" / "dft" / f"{name}.json" for name in names)
    if found:
        yield from ("", "Snapshots of rounds that are left out of everything:")
        yield from [f"  {name}: {reason}" for name, reason in found.items()][:_NAMED]
    if len(found) > _NAMED:
        yield f"  and {len(found) - _NAMED} more"


def _place(job: JobStatus) -> str:
    log = job.log
    assert log is not None  # noqa: S101 - asked by the caller
    if log.started is None:
        return f"{log.path}"
    where = f"process {log.started.process} on {log.started.host}"
    if log.started.slurm_job:
        where = f"Slurm job {log.started.slurm_job}, {where}"
    if job.state == "running":
        return f"for {_duration(log.seconds)}, {where}, {log.path}"
    ago = _duration(max(0.0, time.time() - log.modified))
    return f"{ago} ago, {where}, {log.path}"


def _error(job: JobStatus) -> str:
    log = job.log
    if log and log.error:
        return log.error
    told = batch_error(log.started.slurm_job) if log and log.started else None
    return told or "ended without a word: killed from outside, or out of memory"


def _summary(jobs: Sequence[JobStatus], folder: Path, queue: Queue) -> Iterator[str]:
    done = sum(job.state == "done" for job in jobs)
    reasons = ", ".join(f"{reason} {count}" for reason, count in queue.reasons.most_common())
    yield (
        f"{done} of {len(jobs)} jobs done"
        + (f", {queue.pending} of your Slurm jobs wait in the queue" if queue.pending else "")
        + (f" ({reasons})" if reasons else "")
    )
    locks = folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        yield "The folder is locked: snakemake is at work here, or was killed (then --unlock)."
    yield "Done is done, with whatever settings; `snakemake --dry-run` tells what they would redo."


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "some time"
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
