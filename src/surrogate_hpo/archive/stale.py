"""Results that do not belong to the files, settings and code that lie beside them."""

import ast
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from surrogate_hpo.archive.jobs import Record
from surrogate_hpo.archive.unpack import leads_out
from surrogate_hpo.config.base import Section
from surrogate_hpo.run.code_digest import code_digest
from surrogate_hpo.run.provenance import checksum
from surrogate_hpo.stages.rounds.settings import RoundsSettings
from surrogate_hpo.stages.snapshots.settings import SnapshotsSettings

Kind = TypeVar("Kind")
Validated = TypeVar("Validated", bound=Section)
# Outputs of one round: its folder, its cost record, its snapshots.
_ROUND = re.compile(r"rounds/(?:choice-)?(?P<in_folder>\d{1,9})|/round(?P<in_name>\d{1,9})-")
_DIGEST = re.compile(r"[0-9a-f]{16}")


def stale_inputs(run: Path, records: Iterable[Record], *, only_inside: bool = False) -> list[str]:
    """Files that are no longer what a job has read, in words.

    Parameters
    ----------
    run
        The folder of the run.
    records
        Of the outputs; they hold the checksums of smaller inputs.
    only_inside
        Whether a file outside of the folder is a fault, and not opened: records that come from
        elsewhere must not make this program read, or wait for, whatever they name.

    Returns
    -------
    list of str
        A line per file, with the outputs that it no longer fits.
    """
    faults, now = _Faults(), dict[str, str]()
    for record in records:
        for path, recorded in _checksums(record).items():
            if only_inside and not _is_inside(run, path):
                faults.add(f"{path!r} leads out of the archive, as an input of", record)
                continue
            if path not in now and os.path.isfile(run / path):  # noqa: PTH113 (False for too long a name)
                now[path] = checksum(run / path)
            if path in now and now[path] != str(recorded).removeprefix("sha256:"):
                faults.add(f"{path} is not what was read for", record)
    return faults.lines()


def _checksums(record: Record) -> Mapping[str, object]:
    recorded = record.content.get("input_checksums")
    return recorded if isinstance(recorded, dict) else {}


def _is_inside(run: Path, path: str) -> bool:
    """Whether a path, links followed, stays within the folder."""
    try:
        inside = (run / path).resolve().is_relative_to(run.resolve())
    except (OSError, ValueError, RuntimeError):  # too long, a zero byte, links in a circle
        return False
    return inside and not leads_out(path)


def stale_settings(records: Iterable[Record], settings: Mapping[str, Any]) -> list[str]:
    """Settings that are not those with which an output was made, in words.

    Parameters
    ----------
    records
        Of the outputs; they hold the settings that decide them.
    settings
        The whole config, all defaults included, as plain JSON values.

    Returns
    -------
    list of str
        A line per key, with both values and the outputs.
    """
    faults = _Faults()
    snapshots = _validated(SnapshotsSettings, settings.get("snapshots"))
    rounds = _validated(RoundsSettings, settings.get("rounds"))
    for record in records:
        section = _section(str(record.content["rule"]), settings)
        decided = dict(settings.get(section) or {})
        name = Path(record.output).stem
        if section == "snapshots" and snapshots is not None and name in snapshots.plans:
            decided = snapshots.deciding_one(name)
        number = _ROUND.search(record.output)
        if section == "rounds" and rounds is not None and number is not None:
            decided = rounds.deciding_one(int(number["in_folder"] or number["in_name"]))
        now = {"seed": settings.get("seed")} | decided
        for recorded in _parameters(record, dict):
            for key, value in recorded.items():
                if "seed" in recorded and key in now and now[key] != value:
                    name = key if key == "seed" else f"{section}.{key}"
                    faults.add(f"{name} is {now[key]}, but was {value} for", record)
    return faults.lines()


def stale_code(records: Iterable[Record]) -> list[str]:
    """Rules whose code, as it runs here, is not that which made an output, in words."""
    faults = _Faults()
    for record in records:
        rule = str(record.content["rule"])
        for recorded in _parameters(record, str):
            if _DIGEST.fullmatch(recorded) and code_digest(rule) != recorded:
                faults.add(f"the code of {rule} has changed since it made", record)
    return faults.lines()


def _validated(section: type[Validated], values: object) -> Validated | None:
    """A section that decides each of its items in its own way; none if it makes no sense."""
    try:
        return section.model_validate(values)
    except ValidationError:
        return None


def _section(rule: str, settings: Mapping[str, Any]) -> str:
    """The section of a rule; jobs that do part of a stage are called `stage_part`."""
    return rule if rule in settings else rule.rpartition("_")[0]


def _parameters(record: Record, kind: type[Kind]) -> Iterable[Kind]:
    """Parameters of a job, which Snakemake keeps as Python writes them."""
    for written in record.content.get("params") or []:
        try:
            value = ast.literal_eval(written)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        if isinstance(value, kind):
            yield value


class _Faults:
    """Faults, each with the outputs that have it."""

    def __init__(self) -> None:
        self._outputs: dict[str, list[str]] = {}

    def add(self, fault: str, record: Record) -> None:
        self._outputs.setdefault(fault, []).append(record.output)

    def lines(self) -> list[str]:
        return [
            f"{fault} {outputs[0]}" + (f" and {len(outputs) - 1} more" if outputs[1:] else "")
            for fault, outputs in sorted(self._outputs.items())
        ]
