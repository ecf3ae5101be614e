"""Runs of the tiny case on the Slurm of tools/slurm_lab.py, and what Slurm knows of their jobs."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from slurm_lab import Lab
from tiny_workflow import REPOSITORY

# Generous: a busy machine must not fail a test.
PATIENCE = 900.0


@dataclass(frozen=True)
class Job:
    """One Slurm job as `scontrol show job` prints it."""

    number: int
    state: str
    partition: str
    gpus: int
    memory: str
    rule: str
    restarts: int
    fields: dict[str, str]


def jobs_of(lab: Lab, folder: Path) -> list[Job]:
    """All jobs that a run in a folder has submitted, finished ones included, in order."""
    jobs = []
    for line in lab.run("scontrol", "show", "job", "--oneliner").splitlines():
        fields = dict(re.findall(r"(\S+?)=(.*?)(?= \S+?=|$)", line))
        if fields.get("WorkDir") == str(folder):
            gpus = re.search(r"gpu:(?:\w+:)?(\d+)", fields.get("TresPerJob", ""))
            jobs.append(
                Job(
                    number=int(fields["JobId"]),
                    state=fields["JobState"],
                    partition=fields["Partition"],
                    gpus=int(gpus[1]) if gpus else 0,
                    memory=fields["MinMemoryNode"],
                    rule=fields["Comment"].strip(),
                    restarts=int(fields["Restarts"]),
                    fields=fields,
                )
            )
    return sorted(jobs, key=lambda job: job.number)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what}: did not happen within {PATIENCE:.0f} s"
        time.sleep(0.1)


class Run:
    """Snakemake in a process of its own, with the project's profile for Slurm."""

    def __init__(self, lab: Lab, folder: Path, *arguments: str) -> None:
        self.lab, self.folder = lab, folder
        self.log = folder / "snakemake.log"
        self.started_after = max((job.number for job in jobs_of(lab, folder)), default=0)
        self._handle = self.log.open("w")
        self.process = subprocess.Popen(
            command(folder, *arguments), stdout=self._handle, stderr=subprocess.STDOUT
        )

    def jobs(self, rule: str = "") -> list[Job]:
        """Jobs of this run, whose rule (with wildcards) contains a word."""
        return [
            job
            for job in jobs_of(self.lab, self.folder)
            if job.number > self.started_after and rule in job.rule
        ]

    def job(self, rule: str, state: str) -> Job:
        """The first job of a rule in a state, waited for."""

        def there() -> list[Job]:
            assert self.process.poll() is None, self.text()
            return [job for job in self.jobs(rule) if job.state == state]

        until(there, f"a job of {rule} that is {state}")
        return there()[0]

    def text(self) -> str:
        """What Snakemake has printed so far."""
        return self.log.read_text()

    def succeeds(self) -> str:
        """Wait for the end; returns what was printed."""
        assert self.process.wait(3 * PATIENCE) == 0, self.text()[-6000:]
        return self.text()

    def fails(self) -> str:
        """Wait for the end, which must be a failure."""
        assert self.process.wait(PATIENCE) != 0, self.text()[-6000:]
        return self.text()

    def close(self) -> None:
        """End Snakemake, which cancels its jobs, if it is still there."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._handle.close()

    def killed(self) -> None:
        """SIGKILL to Snakemake alone: its jobs know nothing of it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Run]


@contextlib.contextmanager
def starting(lab: Lab) -> Iterator[Start]:
    """What starts runs; those that are left at the end are ended."""
    runs = []

    def start(folder: Path, *arguments: str) -> Run:
        runs.append(Run(lab, folder, *arguments))
        return runs[-1]

    try:
        yield start
    finally:
        for run in runs:
            run.close()


def command(folder: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(folder), "--profile", str(REPOSITORY / "profiles" / "slurm"),
        "--configfile", str(folder / "config.yaml"), "--jobs", "4",
        # The plugin looks after 3, 16 and 39 seconds; the tests' jobs take eight to fourteen.
        "--slurm-init-seconds-before-status-checks", "3", *arguments,
    ]  # fmt: skip


def without(finished: Path, folder: Path, *stages: str) -> Path:
    """A copy of a finished run whose last stages were never run."""
    subprocess.run(["cp", "-a", str(finished), str(folder)], check=True)
    for stage in stages:
        for path in (f"results/{stage}", f"results/state/{stage}", f"results/cost/{stage}"):
            shutil.rmtree(folder / path, ignore_errors=True)
    return folder


def histories(folder: Path) -> dict[str, str]:
    """The numbers of a run whose targets are the trainings."""
    tables = [*sorted((folder / "results/train").rglob("history.csv"))]
    tables.append(folder / "results/search/trials.csv")
    return {str(path.relative_to(folder)): path.read_text() for path in tables}


def saved(folder: Path, stage: str) -> bool:
    """Whether a job of the stage has left something from which it could continue."""
    files = (folder / "results/state" / stage).rglob("*")
    return any(path.is_file() and path.stat().st_size > 5000 for path in files)


def stage_processes(folder: Path, stage: str) -> list[psutil.Process]:
    """Processes of a stage's verb that run in a folder."""
    return [process for process, verb in processes(folder) if verb == stage]


def processes(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Processes of the package that run in a folder, each with its verb."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            at = next(
                (i for i, part in enumerate(line[:2]) if part.endswith("surrogate-hpo")), None
            )
            if at is not None and len(line) > at + 1 and process.cwd() == str(folder):
                yield process, line[at + 1]


def is_on_a_node(job: Job) -> bool:
    """Whether Slurm still looks after processes of a job."""
    title = f"slurmstepd: [{job.number}."
    lines = (process.info["cmdline"] or [""] for process in psutil.process_iter(["cmdline"]))
    return any(title in line[0] for line in lines if line)


def visible_gpus(folder: Path, seen: dict[str, set[str]]) -> None:
    """Note the CUDA_VISIBLE_DEVICES that the running processes of each rule were given."""
    for process, verb in processes(folder):
        with contextlib.suppress(psutil.Error):
            environment = process.environ()
            if "SLURM_JOB_ID" in environment:
                seen.setdefault(verb, set()).add(environment.get("CUDA_VISIBLE_DEVICES", "none"))
