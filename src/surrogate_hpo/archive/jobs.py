"""The jobs of a run, from the records that Snakemake keeps of every output."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo import limits
from surrogate_hpo.errors import DataError
from surrogate_hpo.limits import require_size

METADATA = Path(".snakemake") / "metadata"


@dataclass(frozen=True)
class Record:
    """What Snakemake knows of one output.

    Attributes
    ----------
    output
        Its path, under the folder of the run.
    file
        Where the record lies, under the same folder.
    content
        What it says.
    """

    output: str
    file: Path
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A job that has run.

    Attributes
    ----------
    rule
        Its rule.
    command
        The command line.
    inputs
        Paths of what it read, under the folder of the run.
    outputs
        Paths of what it wrote.
    logs
        Paths of its logs.
    started
        Seconds since 1970.
    ended
        Seconds since 1970.
    """

    rule: str
    command: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    logs: tuple[str, ...]
    started: float
    ended: float


def read_records(run: Path) -> list[Record]:
    """Records of all outputs, sorted by output.

    Parameters
    ----------
    run
        The folder in which Snakemake ran.

    Returns
    -------
    list of Record
        Empty if it never ran there.

    Raises
    ------
    DataError
        If a record cannot be read.
    """
    return sorted(_records(run), key=lambda record: record.output)


def _records(run: Path) -> Iterator[Record]:
    for path in (run / METADATA).rglob("*"):
        if not path.is_file():
            continue
        place = path.relative_to(run)
        try:
            # Long names are cut into folders, whose names begin with @.
            parts = place.relative_to(METADATA).parts
            output = base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in parts))
            require_size(path, limits.RECORD_BYTES, "record of Snakemake")
            content = limits.parse_json(path.read_text(encoding="utf-8"), str(path))
            yield _record(output.decode(), place, {"rule": None, "input": []} | content)
        except (OSError, ValueError, TypeError, RecursionError, binascii.Error) as error:
            raise DataError(
                "a record of Snakemake cannot be read",
                where=str(path),
                got=str(error),
                remedy="wait until snakemake has ended; else delete it and run snakemake again",
            ) from error


def _record(output: str, place: Path, content: dict[str, Any]) -> Record:
    for key in ("input", "log", "params"):
        listed = content.get(key) or []
        texts = key == "params" or all(isinstance(item, str) for item in listed)
        if not isinstance(listed, list) or not texts:
            raise ValueError(f"{key} is no list of texts")
    for key in ("starttime", "endtime"):
        if not isinstance(content.get(key) or 0.0, int | float):
            raise ValueError(f"{key} is no number")
    return Record(output, place, content)


def jobs_of(records: list[Record]) -> list[Job]:
    """The jobs behind the outputs, in the order of their start.

    Parameters
    ----------
    records
        Of the outputs.

    Returns
    -------
    list of Job
        Outputs of one rule and one command are those of one job.
    """
    jobs = [
        Job(
            rule=rule,
            command=command,
            inputs=tuple(group[0].content["input"]),
            outputs=tuple(record.output for record in group),
            logs=tuple(group[0].content.get("log") or ()),
            started=min(record.content.get("starttime") or 0.0 for record in group),
            ended=max(record.content.get("endtime") or 0.0 for record in group),
        )
        for (rule, command), group in _by_job(records).items()
    ]
    return sorted(jobs, key=lambda job: (job.started, job.rule, job.outputs))


def records_behind(records: list[Record], outputs: Collection[str]) -> list[Record]:
    """Records of the jobs that made any of these outputs, with all their other outputs."""
    groups = _by_job(records).values()
    return [r for group in groups if any(g.output in outputs for g in group) for r in group]


def _by_job(records: list[Record]) -> dict[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        key = (str(record.content["rule"]), str(record.content.get("shellcmd")))
        found.setdefault(key, []).append(record)
    return found
