"""RO-Crate 1.1 metadata of an archive: its files, its software, and one action per job.

Terms are those of https://w3id.org/ro/crate/1.1; of resources that a job used, those of Workflow
Run RO-Crate, https://w3id.org/ro/terms/workflow-run.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from surrogate_hpo import limits
from surrogate_hpo.archive.jobs import Job
from surrogate_hpo.archive.tarball import Member
from surrogate_hpo.errors import DataError
from surrogate_hpo.limits import require_size

CRATE = "ro-crate-metadata.json"
WORKFLOW = "source/Snakefile"
_LICENSE = "source/LICENSE"
_LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_DESCRIPTION = (
    "A run of surrogate-hpo: source, settings, inputs, results and logs, with checksums in "
    "MANIFEST.sha256. `surrogate-hpo verify` checks it and repeats any stage."
)
_RESOURCE_USAGE = "https://w3id.org/ro/terms/workflow-run#resourceUsage"
_UNITS = {
    "seconds": "http://qudt.org/vocab/unit/SEC",
    "mebibytes": "http://qudt.org/vocab/unit/MebiBYTE",
}
_SOFTWARE = {
    "surrogate-hpo": "#surrogate-hpo",
    "Snakemake": "https://snakemake.github.io",
    "Quantum ESPRESSO": "https://www.quantum-espresso.org",
    "Python": "https://www.python.org",
}
# Suffixes whose kind would otherwise depend on the machine.
_KINDS = {
    ".zip": "application/zip", ".json": "application/json", ".csv": "text/csv",
    ".svg": "image/svg+xml", ".html": "text/html", ".pdf": "application/pdf",
    ".extxyz": "chemical/x-xyz", ".xyz": "chemical/x-xyz", ".py": "text/x-python",
    ".md": "text/markdown", ".yaml": "application/yaml", ".log": "text/plain",
}  # fmt: skip


# What the library raises where a file is no crate; nothing of it is meant for users.
_UNREADABLE = (
    ValueError, KeyError, OSError, AssertionError, TypeError, AttributeError, IndexError,
    RecursionError, Warning,
)  # fmt: skip


@dataclass(frozen=True)
class RunDescription:
    """What an archive holds, in words and records.

    Attributes
    ----------
    title
        What the run is about.
    ended
        When the last job ended, seconds since 1970.
    folder
        The folder of the run, within the archive.
    jobs
        What has run.
    software
        Version by name; the first is what the jobs call.
    costs
        What the jobs used, by path of their cost record under the folder of the run.
    """

    title: str
    ended: float
    folder: str
    jobs: Sequence[Job]
    software: Mapping[str, str]
    costs: Mapping[str, Mapping[str, Any]]


def crate_text(description: RunDescription, members: Sequence[Member]) -> str:
    """Describe an archive.

    Parameters
    ----------
    description
        Of the run.
    members
        Files of the archive, without this description and the list of checksums.

    Returns
    -------
    str
        JSON-LD; the same for the same run.
    """
    return _Description(description, members).text()


class _Description:
    """The crate while it grows."""

    def __init__(self, run: RunDescription, members: Sequence[Member]) -> None:
        self._run = run
        self._crate = crate = ROCrate(version="1.1")
        crate.metadata.extra_terms["resourceUsage"] = _RESOURCE_USAGE
        crate.name, crate.datePublished = run.title, iso_time(run.ended)
        crate.description = _DESCRIPTION
        self._files = {member.name: self._add_file(member) for member in members}
        # By name of the file, and of every folder that it lies in.
        self._within: dict[str, list[Any]] = {}
        for name, entity in self._files.items():
            for place in (name, *map(str, PurePosixPath(name).parents)):
                self._within.setdefault(place, []).append(entity)
        self._tools = {name: self._add_software(name, v) for name, v in run.software.items()}
        if WORKFLOW in self._files:
            self._describe_workflow(self._files[WORKFLOW])
        crate.license = self._files.get(_LICENSE, "not stated")
        actions = [self._add_job(f"#job-{n}", job) for n, job in enumerate(run.jobs, start=1)]
        if actions:
            crate.root_dataset["mentions"] = actions

    def text(self) -> str:
        """JSON-LD."""
        return json.dumps(self._crate.metadata.generate(), indent=1, ensure_ascii=False) + "\n"

    def _add_file(self, member: Member) -> Any:  # noqa: ANN401 (the library has no types)
        path = PurePosixPath(member.name)
        properties: dict[str, Any] = {
            "name": path.name,
            "contentSize": str(member.size),
            "sha256": member.sha256,
            "encodingFormat": _KINDS.get(path.suffix, "application/octet-stream"),
        }
        if member.name == WORKFLOW:
            properties["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow"]
        return self._crate.add_file(dest_path=member.name, properties=properties)

    def _add_software(self, name: str, version: str) -> Any:  # noqa: ANN401
        properties = {"@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        identifier = _SOFTWARE.get(name, f"https://pypi.org/project/{quote(name)}/")
        return self._add(identifier, properties)

    def _describe_workflow(self, workflow: Any) -> None:  # noqa: ANN401
        language = {"@type": "ComputerLanguage", "name": "Snakemake"}
        workflow["programmingLanguage"] = self._add(_LANGUAGE, language)
        workflow["softwareRequirements"] = list(self._tools.values())
        self._crate.root_dataset["mainEntity"] = workflow

    def _add_job(self, identifier: str, job: Job) -> Any:  # noqa: ANN401
        properties = {
            "@type": "CreateAction",
            "name": f"{job.rule}: {', '.join(job.logs) or job.outputs[0]}",
            "description": job.command,
            "startTime": iso_time(job.started),
            "endTime": iso_time(job.ended),
            "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        }
        action = self._add(identifier, properties)
        engine = ["Quantum ESPRESSO"] if job.rule == "dft" else []
        called = [next(iter(self._tools), ""), *engine]
        action["instrument"] = [self._tools[name] for name in called if name in self._tools]
        action["object"] = self._known(job.inputs)
        action["result"] = self._known([*job.outputs, *job.logs])
        cost = next((self._run.costs[p] for p in job.outputs if p in self._run.costs), {})
        used = [
            self._add(f"{identifier}-{name}", _quantity(name, value))
            for name, value in cost.items()
            if not isinstance(value, str)
        ]
        if used:
            action["resourceUsage"] = used
        return action

    def _add(self, identifier: str, properties: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._crate.add(ContextEntity(self._crate, identifier, properties=properties))

    def _known(self, paths: Sequence[str]) -> list[Any]:
        """Entities of files, and of those in folders, as far as they are in the archive."""
        names = [f"{self._run.folder}/{path}" for path in paths]
        return [entity for name in names for entity in self._within.get(name, [])]


def _quantity(name: str, value: float) -> dict[str, Any]:
    quantity = {"@type": "PropertyValue", "name": name, "value": str(value)}
    unit = next((code for end, code in _UNITS.items() if name.endswith(end)), None)
    return quantity if unit is None else quantity | {"unitCode": unit}


def iso_time(seconds: float) -> str:
    """UTC, ISO 8601, of seconds since 1970."""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")


def crate_faults(folder: Path, checksums: Mapping[str, str]) -> list[str]:
    """What the metadata of an unpacked archive says that is not so, in words.

    Parameters
    ----------
    folder
        The archive, unpacked.
    checksums
        SHA-256 of its files, by name.

    Returns
    -------
    list of str
        Empty if the library reads it, it describes each file, and each file is as described.

    Raises
    ------
    DataError
        If it is no RO-Crate.
    """
    require_size(folder / CRATE, limits.CRATE_BYTES, "RO-Crate metadata")
    try:
        limits.parse_json((folder / CRATE).read_text(encoding="utf-8"), CRATE)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            crate = ROCrate(folder)
    except _UNREADABLE as error:
        raise DataError(
            "the metadata of the archive is no RO-Crate",
            where=CRATE,
            got=f"{type(error).__name__}: {error}",
        ) from error
    listed = {unquote(entity.id): entity.get("sha256") for entity in crate.data_entities}
    faults = [f"{name}: not there" for name in sorted(listed.keys() - checksums.keys())]
    faults += [f"{name}: not described" for name in sorted(checksums.keys() - listed.keys())]
    return faults + [
        f"{name}: described with another checksum"
        for name in sorted(listed.keys() & checksums.keys())
        if listed[name] != checksums[name]
    ]
