"""Stages that gather what other jobs have found, with all of these jobs, one after the other."""

from pathlib import Path

from surrogate_hpo.stages.acsd_audit.chunk import acsd_audit_chunk
from surrogate_hpo.stages.acsd_audit.settings import AcsdAuditSettings
from surrogate_hpo.stages.acsd_audit.stage import acsd_audit
from surrogate_hpo.stages.audit.chunk import audit_chunk
from surrogate_hpo.stages.audit.settings import AuditSettings
from surrogate_hpo.stages.audit.stage import audit
from surrogate_hpo.stages.naswot.chunk import naswot_chunk
from surrogate_hpo.stages.naswot.settings import NaswotSettings
from surrogate_hpo.stages.naswot.stage import naswot
from surrogate_hpo.stages.search.settings import SearchSettings
from surrogate_hpo.stages.search.stage import search
from surrogate_hpo.stages.search.worker import search_worker
from surrogate_hpo.stages.table.chunk import table_chunk
from surrogate_hpo.stages.table.settings import TableSettings
from surrogate_hpo.stages.table.stage import table


def parts(out: Path, count: int) -> list[Path]:
    return [out / "parts" / f"{number}.json" for number in range(count)]


def run_naswot(settings: NaswotSettings, out: Path, *, seed: int, verdicts=None, **given) -> None:
    chunks = parts(out, settings.chunks)
    for number, path in enumerate(chunks):
        naswot_chunk(
            settings=settings, seed=seed, chunk=number, **given, results=path, state=out / "state"
        )
    tables = {"scores": out / "scores.csv", "choice": out / "choice.json"}
    naswot(settings=settings, seed=seed, chunks=chunks, verdicts=verdicts, **tables)


def run_audit(settings: AuditSettings, out: Path, *, seed: int, **given) -> None:
    chunks = parts(out, settings.chunks)
    for number, path in enumerate(chunks):
        audit_chunk(
            settings=settings, seed=seed, chunk=number, **given, results=path, state=out / "state"
        )
    gather_audit(settings, out, seed=seed)


def gather_audit(settings: AuditSettings, out: Path, *, seed: int) -> None:
    names = {"scores": "csv", "agreement": "csv", "verdict": "json"}
    tables = {name: out / f"{name}.{suffix}" for name, suffix in names.items()}
    audit(settings=settings, seed=seed, chunks=parts(out, settings.chunks), **tables)


def run_acsd_audit(
    settings: AcsdAuditSettings, out: Path, *, seed: int, acsd: dict[str, Path], **given
) -> None:
    chunks = parts(out, settings.chunks)
    for number, path in enumerate(chunks):
        acsd_audit_chunk(
            settings=settings, seed=seed, chunk=number, **acsd, **given, results=path,
            state=out / "state",
        )  # fmt: skip
    tables = {"candidates": out / "candidates.csv", "verdict": out / "verdict.json"}
    acsd_audit(settings=settings, seed=seed, chunks=chunks, **acsd, **tables)


def run_table(settings: TableSettings, out: Path, *, seed: int, **given) -> None:
    chunks = parts(out, settings.chunks)
    for number, path in enumerate(chunks):
        table_chunk(
            settings=settings, seed=seed, chunk=number, **given, results=path, state=out / "state"
        )
    files = {"table": out / "table.csv", "description": out / "table.json"}
    table(settings=settings, seed=seed, chunks=chunks, **files)


def run_search(settings: SearchSettings, out: Path, *, seed: int, **given) -> None:
    """One worker after the other: the first does the trials of all."""
    for number, path in enumerate(parts(out, settings.workers)):
        search_worker(
            settings=settings, seed=seed, worker=number, **given, results=path, state=out / "state"
        )
    gather_search(settings, out, seed=seed)


def gather_search(settings: SearchSettings, out: Path, *, seed: int) -> None:
    tables = {"trials": out / "trials.csv", "choice": out / "choice.json"}
    search(
        settings=settings, seed=seed, workers=parts(out, settings.workers), **tables,
        state=out / "state",
    )  # fmt: skip
