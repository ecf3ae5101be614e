"""Which files of a run go into its archive, and where they stand in it."""

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surrogate_hpo.archive.jobs import Job, Record, jobs_of
from surrogate_hpo.archive.relocation import Relocation
from surrogate_hpo.archive.source import LARGEST_BYTES, Source
from surrogate_hpo.archive.tarball import Member
from surrogate_hpo.config.base import Section
from surrogate_hpo.config.frames import file_of
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.yaml_core import CoreDumper
from surrogate_hpo.stages.archive.settings import Include

RUN, SOURCE = "run", "source"
PATCH = "source.patch"
# Where Snakemake looks for a config that is not named.
CONFIG = "config/config.yaml"
AS_WRITTEN = "config/as-written"
RULE = "archive"
STORES = ("results/ldos/", "results/descriptors/")
# What is no result: states of interrupted jobs, halves of files, the archive itself and its cost,
# and wavefunctions, which only another LDOS would need; of calculations that failed what pw.x was
# told and said goes along.
_WAVEFUNCTIONS = re.compile(r"results/dft/[^/]+\.(save/|work/(?!espresso\.(pwi|pwo|err)$))")
_NO_RESULTS = ("results/state/", f"results/cost/{RULE}/", f"results/{RULE}.tar.zst")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes
    ----------
    folder
        In which Snakemake ran.
    config
        The whole config.
    config_files
        The files that it was read from.
    records
        What Snakemake knows of the outputs that go along.
    leftovers
        Outputs that do not: of audits that no longer fit, of snapshots no longer asked for.
    """

    folder: Path
    config: Config
    config_files: Sequence[Path]
    records: list[Record]
    leftovers: Collection[str]


@dataclass(frozen=True)
class RunFiles:
    """The files of a run, as they stand in its archive.

    Attributes
    ----------
    members
        The files.
    left_out
        Path, size and SHA-256 of those that are not in the archive.
    inputs
        SHA-256 of the user's own files, by their path in the folder of the run.
    jobs
        What has run.
    """

    members: list[Member]
    left_out: list[dict[str, Any]]
    inputs: dict[str, str]
    jobs: list[Job]


def collect_run(run: Run, *, include: Include, without: Path) -> RunFiles:
    """Collect the files of a run.

    Parameters
    ----------
    run
        The run.
    include
        Whether stores and large inputs go along.
    without
        The archive that is to be written; no result.

    Returns
    -------
    RunFiles
        With everything that a run in another place needs: files from outside have moved into it.
    """
    inputs = sorted(_inputs(run))
    moved = Relocation(run.folder, inputs)
    records = [Record(r.output, r.file, moved.record(r.content)) for r in run.records]
    jobs = jobs_of(records)
    paths = [*inputs, *_results(run, without), *_logs(run, jobs)]
    own = {path: moved.text(path) for path in inputs}
    files = {p: Member.of(f"{RUN}/{own.get(p, p)}", run.folder / p) for p in paths}
    left_out = {p: m for p, m in files.items() if include == "small" and _is_large(p, m, p in own)}
    kept = [member for path, member in files.items() if path not in left_out]
    kept += [Member.of(f"{RUN}/{r.file}", json.dumps(r.content).encode()) for r in records]
    kept += _config_members(run, moved)
    return RunFiles(
        members=sorted(kept, key=lambda member: member.name),
        left_out=[
            {"path": own.get(p, p), "size": m.size, "sha256": m.sha256} for p, m in left_out.items()
        ],
        inputs={own[path]: files[path].sha256 for path in inputs},
        jobs=jobs,
    )


def _is_large(path: str, member: Member, is_input: bool) -> bool:
    return path.startswith(STORES) or (is_input and member.size > LARGEST_BYTES)


def _inputs(run: Run) -> set[str]:
    """Files that jobs have read and none has written, or that the config names."""
    made = {record.output for record in run.records}
    read = {str(path) for record in run.records for path in record.content["input"]} - made
    named = {file_of(text) for text in _texts(_deciding(run.config))}
    read |= {text for text in named if (run.folder / text).is_file()}
    found = {path for name in read for path in _files(run.folder, name)}
    return {path for path in found if not path.startswith("results/")}


def _deciding(config: Config) -> dict[str, Any]:
    """Settings that decide numbers: programs and the like are no input."""
    sections = [section for _, section in config if isinstance(section, Section)]
    return {type(section).__name__: section.deciding() for section in sections}


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 (any JSON value)
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _files(run: Path, path: str) -> Iterator[str]:
    """The file, or all in the folder, by the path that was given."""
    if (run / path).is_file():
        yield path
    for folder, _, names in os.walk(run / path):
        below = Path(folder).relative_to(run / path)
        yield from (str(Path(path) / below / name) for name in names)


def _results(run: Run, without: Path) -> list[str]:
    skipped = {os.path.normpath(without), *run.leftovers}
    return sorted(
        path for path in _files(run.folder, "results")
        if not path.startswith(_NO_RESULTS) and ".partial-" not in path
        and not _WAVEFUNCTIONS.match(path)
        and skipped.isdisjoint((path, *map(str, Path(path).parents)))
    )  # fmt: skip


def _logs(run: Run, jobs: Iterable[Job]) -> list[str]:
    logs = {log for job in jobs for log in job.logs}
    return sorted(log for log in logs if (run.folder / log).is_file())


def _config_members(run: Run, moved: Relocation) -> list[Member]:
    settings = moved.value(run.config.model_dump(mode="json"))
    head = "# All settings of the run, defaults included; as they were written: as-written/\n"
    text = head + yaml.dump(settings, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)
    written = enumerate(run.config_files, start=1)
    return [
        Member.of(f"{RUN}/{CONFIG}", text.encode()),
        *(Member.of(f"{RUN}/{AS_WRITTEN}/{n}-{path.name}", path) for n, path in written),
    ]


def source_members(source: Source) -> list[Member]:
    """The source in the archive: what the commit holds, and beside it what differs."""
    members = [
        Member.of(f"{SOURCE}/{name}", content, executable=name in source.programs)
        for name, content in sorted(source.files.items())
    ]
    return members + ([Member.of(PATCH, source.patch)] if source.patch else [])
