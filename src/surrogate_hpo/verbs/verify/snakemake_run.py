"""Snakemake at work on an unpacked archive, with the source that is in the archive."""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.archive.collect import CONFIG, PATCH, RUN, SOURCE
from surrogate_hpo.archive.comparison import number_differences
from surrogate_hpo.archive.jobs import METADATA, Job
from surrogate_hpo.archive.source import apply_patch
from surrogate_hpo.errors import DataError, EngineError
from surrogate_hpo.files.programs import last_lines, run_program
from surrogate_hpo.run.outputs import stand_in

_PLANNED = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
_NOTHING = "Nothing to be done"


def restore_source(folder: Path) -> None:
    """Make of the commit's files those that ran."""
    if (folder / PATCH).exists():
        apply_patch(folder / PATCH, folder / SOURCE)


def planned_jobs(folder: Path, left_out: Sequence[Mapping[str, Any]], time: float) -> list[str]:
    """What Snakemake would do with the unpacked run, in words.

    Parameters
    ----------
    folder
        The archive, unpacked.
    left_out
        Files that are not in it; for the plan, empty ones stand in for them.
    time
        Modification time of the archive's files.

    Returns
    -------
    list of str
        Empty if there is nothing to be done.

    Raises
    ------
    EngineError
        If Snakemake fails.
    """
    inputs = any(not str(entry["path"]).startswith("results/") for entry in left_out)
    # Nothing stands in for the content of a user's file, whose mark is one of the parameters.
    triggers = ("--rerun-triggers", "mtime", "input", "code", "software-env") if inputs else ()
    with _placeholders(folder / RUN, left_out, time):
        said = _snakemake(folder, "--dry-run", *triggers)
    jobs = {rule: number for rule, number in _PLANNED.findall(said) if rule != "total"}
    if not jobs and _NOTHING not in said:
        raise EngineError("what Snakemake says is not understood", got=last_lines(said, 5))
    return [f"{rule}: {number} jobs to be done" for rule, number in jobs.items() if rule != "all"]


@contextmanager
def _placeholders(run: Path, left_out: Sequence[Mapping[str, Any]], time: float) -> Iterator[None]:
    paths = [run / entry["path"] for entry in left_out if not (run / entry["path"]).exists()]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time, time))
    stand_in(run, (str(entry["path"]) for entry in left_out))
    try:
        yield
    finally:
        for path in paths:
            path.unlink()


@dataclass(frozen=True)
class Rerun:
    """What came of doing a stage again.

    Attributes
    ----------
    identical
        Number of files with the same numbers, to the last bit.
    close
        Number of files whose numbers differ by no more than the tolerance.
    different
        Those that differ by more, in words.
    largest
        Largest relative difference within the tolerance.
    pictures
        Number of files without numbers of their own, which differ.
    """

    identical: int
    close: int
    different: list[str]
    largest: float
    pictures: int


def rerun_stage(
    folder: Path, stage: str, jobs: Sequence[Job], *, tolerance: float, cores: int
) -> Rerun:
    """Do a stage again and compare its files with those of the archive.

    Parameters
    ----------
    folder
        The archive, unpacked.
    stage
        Name of the stage.
    jobs
        Of the run.
    tolerance
        Largest difference of numbers over the largest magnitude.
    cores
        That Snakemake may use.

    Returns
    -------
    Rerun
        Of all outputs but cost records.

    Raises
    ------
    EngineError
        If a job fails.
    """
    run = folder / RUN
    made = [path for job in jobs if job.rule == stage for path in job.outputs]
    targets = [path for path in made if (run / path).exists() and "/cost/" not in path]
    files = [name for path in targets for name in _files(run, path)]
    with _kept(run, folder / "before") as before:
        _snakemake(folder, *targets, "--forcerun", stage, "--cores", str(cores))
        found = {name: _compared(before / name, run / name) for name in files}
    return _judged(found, tolerance)


@contextmanager
def _kept(run: Path, before: Path) -> Iterator[Path]:
    """Keep a copy of the results; put it back in the end, so that each stage reads what it read."""
    # Jobs replace files and never write into them, so a link is a copy; Snakemake does, in records.
    shutil.copytree(run / "results", before / "results", copy_function=os.link)
    shutil.copytree(run / METADATA, before / METADATA)
    try:
        yield before
    finally:
        for kept in ("results", METADATA):
            shutil.rmtree(run / kept)
            (before / kept).rename(run / kept)
        shutil.rmtree(before)


def _files(run: Path, path: str) -> list[str]:
    inside = (run / path).rglob("*") if (run / path).is_dir() else [run / path]
    return sorted(str(p.relative_to(run)) for p in inside if p.is_file() and p.name[0] != ".")


def _compared(before: Path, after: Path) -> dict[str, float] | None:
    return number_differences(before, after) if after.exists() else {"the file": float("inf")}


def _judged(found: Mapping[str, dict[str, float] | None], tolerance: float) -> Rerun:
    numbers = {name: values for name, values in found.items() if values is not None}
    worst = {name: max(values.values(), default=0.0) for name, values in numbers.items()}
    different = [
        f"{name}: {place} differs" + (f" by {value:.2g} of its magnitude" if value < 1e300 else "")
        for name, values in numbers.items()
        for place, value in values.items()
        if value > tolerance
    ]
    accepted = [value for value in worst.values() if value <= tolerance]
    return Rerun(
        identical=sum(value == 0 for value in accepted),
        close=sum(value > 0 for value in accepted),
        different=different,
        largest=max(accepted, default=0.0),
        pictures=len(found) - len(numbers),
    )


def _snakemake(folder: Path, *arguments: str) -> str:
    source, run = (folder / SOURCE).absolute(), folder / RUN
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    done = run_program(
        [sys.executable, "-m", "snakemake"],
        ["--snakefile", str(source / "Snakefile"), "--profile", str(source / "profiles/default"),
         "--configfile", CONFIG, "--cores", "1", *arguments],
        name="snakemake",
        remedy="install surrogate-hpo with what it needs, as its README says",
        directory=run,
        environment=os.environ
        | {
            "PYTHONPATH": str(source / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": os.pathsep.join(path),
        },
    )  # fmt: skip
    said = f"{done.stdout}\n{done.stderr}"
    if done.returncode != 0:
        raise EngineError(
            "Snakemake failed in the unpacked archive",
            where=str(run),
            got=last_lines(said, 12),
            remedy="keep what is unpacked and look there: --folder",
        )
    return said


def check_repeatable(
    stage: str, jobs: Sequence[Job], left_out: Sequence[Mapping[str, Any]]
) -> None:
    """Raise DataError unless the archive holds what the stage reads."""
    chosen = [job for job in jobs if job.rule == stage]
    if not chosen:
        raise DataError(
            "the archive holds no jobs of this stage",
            where=f"--rerun {stage}",
            expected=f"one of {', '.join(sorted({job.rule for job in jobs}))}",
            got=stage,
        )
    absent = {entry["path"] for entry in left_out}
    needed = sorted(absent & {path for job in chosen for path in (*job.inputs, *job.outputs)})
    if needed:
        raise DataError(
            "the stage cannot be repeated: the archive is without what it reads or makes",
            where=f"--rerun {stage}",
            got=f"{len(needed)} files left out, such as {needed[0]}",
            remedy="ask for an archive made with archive.include: all",
        )
