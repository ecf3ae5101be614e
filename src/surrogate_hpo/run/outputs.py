"""Checksums of what a job wrote: kept in its cost record, compared before a result is used.

Snakemake looks at times: an edit that keeps them, or is older than what was made of it, escapes it.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document
from surrogate_hpo.run.provenance import checksum

RECORDS = Path("results") / "cost"
# Of files that were looked at again since their job ended, say in a copy of the run.
SEEN = Path(".snakemake") / "outputs.json"
_KEY = "outputs"


@dataclass(frozen=True)
class ChangedOutput:
    """A file that is no longer what its job wrote.

    Attributes
    ----------
    path
        The file, under the folder of the run.
    stage
        Stage of the job.
    expected
        SHA-256 of what the job wrote.
    got
        SHA-256 of what is there.
    record
        Cost record of the job, under the same folder.
    mark
        Differs from one edit to the next.
    """

    path: str
    stage: str
    expected: str
    got: str
    record: str
    mark: str

    def line(self) -> str:
        """What is wrong, in words."""
        return (
            f"{self.path} is not what {self.stage} wrote "
            f"(SHA-256 {self.expected[:16]}…, now {self.got[:16]}…)"
        )


def output_record(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """SHA-256 and stamp of each output that is a file; folders are left out.

    Parameters
    ----------
    paths
        As the job was given them.

    Returns
    -------
    dict
        By path: `sha256` and `stamp` (bytes; times of last change of content and of anything, ns).
    """
    return {str(p): {"sha256": checksum(p), "stamp": _stamp(p)} for p in paths if p.is_file()}


def changed_outputs(run: Path, *, records: Iterable[Path] | None = None) -> list[ChangedOutput]:
    """Outputs that are there, but not as their jobs wrote them.

    Parameters
    ----------
    run
        The folder of the run.
    records
        Cost records of the jobs, under that folder; all by default.

    Returns
    -------
    list of ChangedOutput
        Sorted by path. What is missing is Snakemake's to notice.
    """
    known = _read_seen(run)
    seen, changed = dict(known), list[ChangedOutput]()
    for record, path, recorded in _recorded(run, records):
        try:
            stamp = _stamp(run / path)
        except OSError:
            continue
        if stamp == recorded.get("stamp"):
            continue
        entry = seen.get(path)
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            seen[path] = entry = {"sha256": checksum(run / path), "stamp": stamp}
        expected, got = (str(one.get("sha256")) for one in (recorded, entry))
        if got != expected:
            mark = hashlib.sha256(repr((path, entry)).encode()).hexdigest()[:16]
            stage = Path(record).parent.name
            changed.append(ChangedOutput(path, stage, expected, got, record, mark))
    if seen != known:
        _write_seen(run, seen)
    return sorted(changed, key=lambda one: one.path)


def require_unchanged(run: Path, *, records: Iterable[Path]) -> None:
    """Raise DataError if an output of these jobs is not what its job wrote."""
    changed = changed_outputs(run, records=records)
    if changed:
        first = changed[0]
        raise DataError(
            "results were edited after their jobs wrote them",
            where=first.path + (f" and {len(changed) - 1} more" if changed[1:] else ""),
            expected=f"SHA-256 {first.expected}, recorded by {first.stage}",
            got=f"SHA-256 {first.got}",
            remedy=f"make it again: snakemake --forcerun {first.path}",
        )


def stand_in(run: Path, paths: Iterable[str]) -> None:
    """Let empty files count as what the jobs wrote, where a run is looked at without them."""
    wanted, seen = set(paths), _read_seen(run)
    for _, path, recorded in _recorded(run, None):
        if path in wanted and (run / path).is_file():
            seen[path] = {"sha256": recorded.get("sha256"), "stamp": _stamp(run / path)}
    _write_seen(run, seen)


def _stamp(path: Path) -> list[int]:
    """Size and times; the last, of any change to the file, is what no tool can keep."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _recorded(
    run: Path, records: Iterable[Path] | None
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    found = (run / RECORDS).rglob("*.json") if records is None else (run / r for r in records)
    for path in sorted(found):
        try:
            content = read_document(path)
        except DataError:  # missing or damaged: those who need it say so
            continue
        outputs = content.get(_KEY)
        for name, recorded in outputs.items() if isinstance(outputs, dict) else ():
            if isinstance(recorded, dict) and _is_inside(run, name):
                yield path.relative_to(run).as_posix(), name, recorded


def _is_inside(run: Path, name: str) -> bool:
    """Whether a name, links followed, stays in the folder: records may come from elsewhere."""
    try:
        path = run / name
        return path.is_file() and path.resolve().is_relative_to(run.resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def _read_seen(run: Path) -> dict[str, Any]:
    try:
        return read_document(run / SEEN)
    except DataError:
        return {}


def _write_seen(run: Path, seen: Mapping[str, Any]) -> None:
    if (run / SEEN).parent.is_dir() and os.access((run / SEEN).parent, os.W_OK):
        write_document(run / SEEN, seen)
