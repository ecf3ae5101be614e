"""Unpack an archive and prove it: checksums, metadata, settings, nothing to do, a stage again."""

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

from surrogate_hpo import limits
from surrogate_hpo.archive.collect import RUN, SOURCE
from surrogate_hpo.archive.crate import CRATE, crate_faults
from surrogate_hpo.archive.jobs import Job, jobs_of, read_records
from surrogate_hpo.archive.manifest import MANIFEST, differences, read_manifest
from surrogate_hpo.archive.stale import stale_inputs, stale_settings
from surrogate_hpo.archive.unpack import Unpacked, unpack
from surrogate_hpo.errors import DataError, InterruptedRun, SurrogateHpoError
from surrogate_hpo.limits import require_size
from surrogate_hpo.run.interface import Option, Positional, require_option
from surrogate_hpo.run.outputs import changed_outputs
from surrogate_hpo.verbs.verify.contents import archived_contents, archived_settings
from surrogate_hpo.verbs.verify.snakemake_run import (
    check_repeatable,
    planned_jobs,
    rerun_stage,
    restore_source,
)

logger = logging.getLogger(__name__)
# For what comes off a GPU, where sums are added up in another order each time: a convention.
GPU_TOLERANCE = 1e-2
# Quantum ESPRESSO's last digits depend on where the system puts its arrays.
ENGINE_TOLERANCE = 1e-6
ENGINE_STAGES = ("dft", "ldos")
_NOTHING_EXECUTED = "nothing of the archive was executed; --execute or --rerun STAGE does"
_MOST_LINES = 20


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What.
    result
        `passed`, `FAILED`, or why neither.
    summary
        What was found.
    details
        The faults, each naming its file.
    """

    name: str
    result: str
    summary: str
    details: Sequence[str] = field(default=())


def verify(
    archive: Annotated[Path, Positional("archive.tar.zst, or another file that `archive` wrote")],
    *,
    folder: Annotated[
        Path | None, Option("new or empty folder to unpack it into; a temporary one if left out")
    ] = None,
    rerun: Annotated[
        list[str] | None, Option("stages to do again; their numbers are compared")
    ] = None,
    tolerance: Annotated[
        float | None,
        Option("largest relative difference of numbers; 0, 1e-6 with DFT and 1e-2 on a GPU"),
    ] = None,
    execute: Annotated[
        bool, Option("execute code of the archive: its workflow must find nothing to do")
    ] = False,
    largest_gibibytes: Annotated[float, Option("refuse what unpacks to more; 200")] = 200.0,
    cores: Annotated[int, Option("for the stages; 1")] = 1,
) -> str:
    """Check an archive in a clean folder: every file, its metadata, and that it repeats.

    Executes nothing of the archive unless asked: `--execute`, or `--rerun STAGE`. Prints a table
    of what was looked at; ends with an error, and the same table, if any of it fails. See
    docs/howto/archive.md.
    """
    _check_options(archive, tolerance, largest_gibibytes, cores)
    with _clean_folder(folder) as place:
        room = shutil.disk_usage(place).free
        limit = min(int(largest_gibibytes * 2**30), room)
        checks = [_checksums(unpacked := unpack(archive, place, largest_bytes=limit), place)]
        if checks[0].result == "passed":
            checks += _content_checks(place, unpacked)
            if not (execute or rerun):
                checks.append(Check("Snakemake", "not run", _NOTHING_EXECUTED))
            elif all(check.result != "FAILED" for check in checks):
                checks += _executed(place, rerun or [], tolerance, cores)
    table = _table(checks)
    results = {check.result for check in checks}
    if "FAILED" in results:
        raise DataError(f"the archive does not prove the run\n{table}", where=str(archive))
    end = (
        "every check passed" if results == {"passed"} else "no check failed; see what was not shown"
    )
    return f"{table}\n\n{archive}: {end}"


def _check_options(
    archive: Path,
    tolerance: float | None,
    largest_gibibytes: float,
    cores: int,
) -> None:
    if not archive.is_file():
        raise DataError(
            "there is no such archive",
            where=str(archive),
            expected="archive.tar.zst",
            remedy="give the path of the file that `surrogate-hpo archive` wrote",
        )
    share = tolerance is None or 0 <= tolerance < 1
    require_option(share, "tolerance", "from 0 to 1", tolerance)
    size = largest_gibibytes
    require_option(0 < size < 2**30, "largest-gibibytes", "more than 0", size)
    require_option(cores > 0, "cores", "1 or more", cores)


@contextmanager
def _clean_folder(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="surrogate-hpo-verify-") as temporary:
            yield Path(temporary)
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "the folder to unpack into is not empty",
            where=str(folder),
            remedy="name a new one: --folder",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            "the folder to unpack into cannot be made",
            where=str(folder),
            got=error.strerror,
            remedy="name another one: --folder",
        ) from error
    yield folder


def _checksums(unpacked: Unpacked, folder: Path) -> Check:
    if MANIFEST not in unpacked.checksums:
        lost = [f"{MANIFEST}: missing or damaged", *unpacked.damaged]
        return Check("checksums", "FAILED", "without their list nothing can be checked", lost)
    try:
        require_size(folder / MANIFEST, limits.MANIFEST_BYTES, "list of checksums")
        expected = read_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    except (DataError, UnicodeDecodeError) as error:
        return Check("checksums", "FAILED", f"the list is damaged: {error}")
    found = differences(expected, unpacked)
    summary = f"{len(expected)} files, SHA-256"
    return _check("checksums", summary, found.lines())


def _content_checks(folder: Path, unpacked: Unpacked) -> Iterator[Check]:
    contents = archived_contents(folder)
    described = {n: c for n, c in unpacked.checksums.items() if n not in (MANIFEST, CRATE)}
    yield _check("RO-Crate", "1.1, describes every file", crate_faults(folder, described))
    records = read_records(folder / RUN)
    settings = archived_settings(folder)
    if records:
        inputs = stale_inputs(folder / RUN, records, only_inside=True)
        faults = [*stale_settings(records, settings), *inputs]
        jobs = len(jobs_of(records))
        yield _check("settings", f"config and inputs are those of {jobs} jobs", faults)
    else:
        yield Check("settings", "not known", "the archive is without Snakemake's records")
    changed = [one.line() for one in changed_outputs(folder / RUN)]
    yield _check("results", "those that are here are what their jobs wrote", changed)
    other = list(_other_versions(contents["packages"]))
    summary = "other versions here: numbers may differ" if other else "the same packages here"
    yield Check("versions", "other" if other else "passed", summary, other)


def _other_versions(packages: dict[str, str]) -> Iterator[str]:
    for name, then in packages.items():
        try:
            now = version(name)
        except (PackageNotFoundError, ValueError):  # of no name
            now = "not installed"
        if now != then:
            yield f"{name}: {then} then, {now} here"


def _executed(
    folder: Path, rerun: Sequence[str], tolerance: float | None, cores: int
) -> Iterator[Check]:
    """What needs the source that is in the archive."""
    contents = archived_contents(folder)
    left_out = contents["left_out"]
    if not contents["jobs"]:
        # By its files alone, whose times are all the same, nothing is ever to be done.
        yield Check("Snakemake", "not known", "without its records it cannot compare anything")
        return
    jobs = jobs_of(read_records(folder / RUN))
    for stage in rerun:  # what was asked for in vain says nothing of the archive
        check_repeatable(stage, jobs, left_out)
    logger.warning("executing code of the archive: the workflow in %s", folder / SOURCE)
    try:
        restore_source(folder)
        planned = planned_jobs(folder, left_out, (folder / MANIFEST).stat().st_mtime)
        note = f", with stand-ins for {len(left_out)} files left out" if left_out else ""
        yield _check("Snakemake", f"nothing to be done{note}", planned)
        if not planned:
            for stage in rerun:
                yield _rerun(folder, stage, jobs, tolerance, cores)
    except InterruptedRun:
        raise  # says nothing of the archive
    except SurrogateHpoError as error:
        yield Check("Snakemake", "FAILED", "did not get through", str(error).splitlines())


def _rerun(
    folder: Path, stage: str, jobs: Sequence[Job], tolerance: float | None, cores: int
) -> Check:
    settings = archived_settings(folder)
    if tolerance is None:
        tolerance = ENGINE_TOLERANCE if stage in ENGINE_STAGES else 0.0
        tolerance = GPU_TOLERANCE if _uses_gpu(settings.get(stage)) else tolerance
    logger.info("doing %s again: %d jobs", stage, sum(job.rule == stage for job in jobs))
    found = rerun_stage(folder, stage, jobs, tolerance=tolerance, cores=cores)
    parts = [f"{found.identical} files with identical numbers"]
    if found.close:
        parts.append(f"{found.close} within {tolerance:g} (at most {found.largest:.2g})")
    if found.pictures:
        parts.append(f"{found.pictures} pictures or pages differ, which hold no numbers")
    return _check(f"rerun {stage}", ", ".join(parts), found.different)


def _uses_gpu(section: Any) -> bool:  # noqa: ANN401 (any JSON value)
    if not isinstance(section, dict):
        return False
    return section.get("use_gpu") is True or any(map(_uses_gpu, section.values()))


def _check(name: str, summary: str, faults: Sequence[str]) -> Check:
    if not faults:
        return Check(name, "passed", summary)
    return Check(name, "FAILED", f"{len(faults)} faults", faults)


def _table(checks: Sequence[Check]) -> str:
    width = max(len(check.name) for check in checks)
    kinds = max(len(check.result) for check in checks)
    lines = [f"{c.name:{width}}  {c.result:{kinds}}  {c.summary}" for c in checks]
    for check in checks:
        if check.details:
            shown, more = check.details[:_MOST_LINES], len(check.details) - _MOST_LINES
            lines += ["", f"{check.name}:", *(f"  {line}" for line in shown)]
            lines += [f"  and {more} more"] * (more > 0)
    return "\n".join(lines)
