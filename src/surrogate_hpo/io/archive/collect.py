"""Which files of a run go into its archive, and where they stand in it."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from surrogate_hpo.config.archive import Include
from surrogate_hpo.config.project import Config
from surrogate_hpo.config.snapshots import file_of
from surrogate_hpo.io.archive.jobs import Job, Record, jobs_of, read_records
from surrogate_hpo.io.archive.relocation import Relocation
from surrogate_hpo.io.archive.source import LARGEST_BYTES, Source
from surrogate_hpo.io.archive.tarball import Member

RUN, SOURCE = "run", "source"
PATCH = "source.patch"
# Where Snakemake looks for a config that is not named.
CONFIG = "config/config.yaml"
AS_WRITTEN = "config/as-written"
RULE = "archive"
STORES = ("results/ldos/", "results/descriptors/")
# What is no result: states of interrupted jobs, halves of files, the archive itself and its cost.
_NO_RESULTS = ("results/state/", f"results/cost/{RULE}/", f"results/{RULE}.tar.zst")


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
    originals
        SHA-256 of all files by the path by which the run knows them.
    jobs
        What has run.
    records
        What Snakemake knows of the outputs.
    """

    members: list[Member]
    left_out: list[dict[str, Any]]
    inputs: dict[str, str]
    originals: dict[str, str]
    jobs: list[Job]
    records: list[Record]


def collect_run(
    run: Path, config: Config, config_files: Sequence[Path], *, include: Include, archive: Path
) -> RunFiles:
    """Collect the files of a run.

    Parameters
    ----------
    run
        Its folder.
    config
        The whole config.
    config_files
        The files that it was read from.
    include
        Whether stores and large inputs go along.
    archive
        The archive that is to be written.

    Returns
    -------
    RunFiles
        With everything that a run in another place needs: files from outside have moved into it.
    """
    records = [r for r in read_records(run) if r.content["rule"] != RULE]
    inputs = sorted(_inputs(run, config, records))
    moved = Relocation(run, inputs)
    jobs = [
        job for job in jobs_of([_moved(record, moved) for record in records])
        if any((run / output).exists() for output in job.outputs)
    ]  # fmt: skip
    logs = {log for job in jobs for log in job.logs if (run / log).is_file()}
    results = _results(run, without=archive)
    originals = {p: Member.of(f"{RUN}/{moved.text(p)}", run / p) for p in [*inputs, *results]}
    kept, left_out = {}, []
    for path, member in originals.items():
        if include == "small" and _is_large(path, member, is_input=path in inputs):
            place = moved.text(path)
            left_out.append({"path": place, "size": member.size, "sha256": member.sha256})
        else:
            kept[member.name] = member
    kept |= {f"{RUN}/{log}": Member.of(f"{RUN}/{log}", run / log) for log in sorted(logs)}
    kept |= {m.name: m for m in _records_of(run, records, moved)}
    kept |= {m.name: m for m in _config_of(config, config_files, moved)}
    return RunFiles(
        members=[kept[name] for name in sorted(kept)],
        left_out=left_out,
        inputs={moved.text(path): originals[path].sha256 for path in inputs},
        originals={path: member.sha256 for path, member in originals.items()},
        jobs=jobs,
        records=records,
    )


def _is_large(path: str, member: Member, *, is_input: bool) -> bool:
    return path.startswith(STORES) or (is_input and member.size > LARGEST_BYTES)


def _inputs(run: Path, config: Config, records: Iterable[Record]) -> set[str]:
    """Files that jobs have read and none has written, or that the config names."""
    made = {record.output for record in records}
    read = {str(path) for record in records for path in record.content["input"]} - made
    named = {file_of(text) for text in _texts(config.model_dump(mode="json"))}
    found: set[str] = set()
    for path in read | {text for text in named if (run / text).is_file()}:
        found.update(_files(run, path))
    return {path for path in found if not path.startswith("results/")}


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


def _results(run: Path, *, without: Path) -> list[str]:
    own = os.path.normpath(without)
    return sorted(
        path for path in _files(run, "results")
        if not path.startswith(_NO_RESULTS) and ".partial-" not in path and path != own
    )  # fmt: skip


def _moved(record: Record, moved: Relocation) -> Record:
    return Record(record.output, record.file, moved.record(record.content))


def _records_of(run: Path, records: Iterable[Record], moved: Relocation) -> Iterator[Member]:
    for record in records:
        content = json.dumps(_moved(record, moved).content).encode()
        if (run / record.file).is_file():
            yield Member.of(f"{RUN}/{record.file}", content)


def _config_of(config: Config, files: Sequence[Path], moved: Relocation) -> Iterator[Member]:
    settings = moved.value(config.model_dump(mode="json"))
    head = "# All settings of the run, defaults included; as they were written: as-written/\n"
    text = head + yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    yield Member.of(f"{RUN}/{CONFIG}", text.encode())
    for number, path in enumerate(files, start=1):
        yield Member.of(f"{RUN}/{AS_WRITTEN}/{number}-{path.name}", path)


def source_members(source: Source) -> list[Member]:
    """The source in the archive: what the commit holds, and beside it what differs."""
    members = [
        Member.of(f"{SOURCE}/{name}", content, executable=name in source.programs)
        for name, content in sorted(source.files.items())
    ]
    return members + ([Member.of(PATCH, source.patch)] if source.patch else [])
