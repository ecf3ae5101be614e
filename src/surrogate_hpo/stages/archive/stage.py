"""Pack the run into one file: source, settings, inputs, results, logs and their provenance."""

import json
import logging
import platform
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, get_args

import surrogate_hpo
from surrogate_hpo.archive.collect import RULE, Run, RunFiles, collect_run, source_members
from surrogate_hpo.archive.crate import CRATE, RunDescription, crate_text, iso_time
from surrogate_hpo.archive.jobs import Record, read_records, records_behind
from surrogate_hpo.archive.manifest import MANIFEST, manifest_text
from surrogate_hpo.archive.source import Source, read_source
from surrogate_hpo.archive.stale import stale_code, stale_inputs, stale_settings
from surrogate_hpo.archive.tarball import Member, write_tarball
from surrogate_hpo.config.project import Config
from surrogate_hpo.errors import ConfigError, DataError
from surrogate_hpo.files.documents import read_document
from surrogate_hpo.run.graph import FIGURES, ON_REQUEST
from surrogate_hpo.run.interface import Input, Option, Output
from surrogate_hpo.run.left_out import reason_of
from surrogate_hpo.run.outputs import changed_outputs, require_unchanged
from surrogate_hpo.run.plan import chain, cost_path, items
from surrogate_hpo.stages.archive.settings import ArchiveSettings, Include

logger = logging.getLogger(__name__)
CONTENTS = "archive.json"
FORMAT = 1
_REMEDY = "run `snakemake archive`: it makes what is missing or out of date, and packs it"
_SUMMARY = Path("results/evaluate/summary.json")


def archive(
    *,
    settings: ArchiveSettings,
    config: Config,
    config_files: list[Path],
    source: Annotated[Path | None, Input("folder of the Snakefile, if not this package's")] = None,
    include: Annotated[str | None, Option("`all` or `small`, instead of the config's")] = None,
    archive: Annotated[Path, Output("the archive, *.tar.zst")] = Path("results/archive.tar.zst"),
) -> None:
    """Pack the run of the current folder, so that `surrogate-hpo verify` can prove it elsewhere.

    The same run gives the same bytes, whenever and in whichever folder it is packed.
    """
    chosen = _include(include or settings.include)
    run = _finished_run(config, config_files)
    files = collect_run(run, include=chosen, without=archive)
    root = source or _own_source()
    origin = read_source(root, without=run.folder)
    software = _software(run.folder)
    ended = max((job.ended for job in files.jobs), default=_latest(run.folder))
    contents = _contents(files, origin, ended, software, chosen)
    members = [
        Member.of(CONTENTS, (json.dumps(contents, indent=2, ensure_ascii=False) + "\n").encode()),
        *files.members,
        *source_members(origin),
    ]
    description = RunDescription(
        title=config.report.title,
        ended=ended,
        folder="run",
        jobs=files.jobs,
        software=software,
        costs=_costs(files),
    )
    crate = Member.of(CRATE, crate_text(description, members).encode())
    listing = manifest_text({m.name: m.sha256 for m in [crate, *members]}).encode()
    write_tarball(archive, [Member.of(MANIFEST, listing), crate, *members], time=int(ended))
    _tell(archive, files, members, origin)


def _include(asked: str) -> Include:
    for known in get_args(Include):
        if asked == known:
            chosen: Include = known
            return chosen
    raise ConfigError(
        "there is no such selection of files",
        where="--include",
        expected=" or ".join(get_args(Include)),
        got=asked,
        remedy="leave it out for what archive.include says",
    )


def _own_source() -> Path:
    root = Path(surrogate_hpo.__file__).parents[2]
    if not (root / "Snakefile").is_file():
        raise DataError(
            "the source of the workflow is not beside this package",
            where=str(root),
            expected="a folder with the Snakefile",
            remedy="name it: --source path/to/checkout; `snakemake archive` does so by itself",
        )
    return root


def _finished_run(config: Config, config_files: list[Path]) -> Run:
    """The run of the current folder, if it is finished and nothing has changed since."""
    folder = Path()
    costs = {str(path) for path in _costs_of(chain(config), config)}
    missing = sorted(path for path in costs if not (folder / path).exists())
    if missing:
        raise DataError(
            "the run is not finished",
            where="results/cost",
            expected=f"records of {len(costs)} jobs",
            got=f"no {', '.join(missing[:3])}"
            + (f" and {len(missing) - 3} more" * (len(missing) > 3)),
            remedy=_REMEDY,
        )
    require_unchanged(folder, records=map(Path, costs))
    known = [r for r in read_records(folder) if r.content["rule"] != RULE]
    if not known:
        logger.warning(
            "Snakemake's records of the run are missing (.snakemake/metadata): which job made "
            "which file, and with which settings, cannot be proved later"
        )
    records = records_behind(known, costs)
    stale = _stale(records, config)
    if stale:
        raise DataError(
            "results do not belong to the files, settings and code of now",
            got="\n    ".join(["", *stale]),
            remedy=_REMEDY,
        )
    records += _extra_records(known, config)
    kept = {record.output for record in records}
    leftovers = {record.output for record in known} - kept
    return Run(folder, config, config_files, sorted(records, key=lambda r: r.output), leftovers)


def _extra_records(known: list[Record], config: Config) -> list[Record]:
    """Of audits, contests and k noise that have run, and that still fit."""
    found: list[Record] = []
    extra = {*ON_REQUEST} - {*chain(config)}
    costs = {stage: list(_costs_of([stage], config)) for stage in sorted(extra)}
    costs |= {name: [cost_path(stage, "figure")] for name, stage in FIGURES.items()}
    for stage, paths in costs.items():
        records = records_behind(known, {str(path) for path in paths})
        if _stale(records, config) or changed_outputs(Path(), records=paths):
            logger.warning(
                "%s is left out: it was made with other files, settings or code, or edited", stage
            )
        else:
            found += records
    return found


def _costs_of(stages: Iterable[str], config: Config) -> Iterator[Path]:
    return (cost_path(stage, item) for stage in stages for item in items(stage, config))


def _stale(records: list[Record], config: Config) -> list[str]:
    return [
        *stale_inputs(Path(), records),
        *stale_settings(records, config.model_dump(mode="json")),
        *stale_code(records),
    ]


def _software(run: Path) -> dict[str, str]:
    """What made the numbers, by name and version; this package is the first."""
    record = read_document(run / _SUMMARY, keys=("provenance",))["provenance"]
    name, _, number = str(record["package"]).rpartition(" ")
    # Of a round's calculation that failed only the reason is there.
    results = [p for p in (run / "results" / "dft").glob("*.json") if reason_of(p) is None]
    engines = {str(read_document(path).get("version")) for path in results}
    engine = {"Quantum ESPRESSO": ", ".join(sorted(engines))} if engines else {}
    python = {"Snakemake": version("snakemake"), "Python": platform.python_version()}
    return {name: number, **engine, **python, **record["libraries"]}


def _latest(run: Path) -> float:
    """When the last result was written, for runs without Snakemake's records."""
    return max((run / "results" / "cost").rglob("*.json"), key=_time).stat().st_mtime


def _time(path: Path) -> float:
    return path.stat().st_mtime


def _costs(files: RunFiles) -> dict[str, dict[str, Any]]:
    paths = [o for job in files.jobs for o in job.outputs if o.startswith("results/cost/")]
    return {path: read_document(Path(path)) for path in paths if Path(path).is_file()}


def _contents(
    files: RunFiles, origin: Source, ended: float, software: dict[str, str], include: str
) -> dict[str, Any]:
    lock = origin.files.get("requirements.lock", b"").decode()
    return {
        "format": FORMAT,
        "date": iso_time(ended),
        "include": include,
        "left_out": files.left_out,
        "commit": origin.commit,
        "changed_after_commit": bool(origin.patch),
        "source_left_out": list(origin.left_out),
        "inputs": files.inputs,
        "software": software,
        "packages": _installed(line.partition("==")[0] for line in lock.splitlines()),
        "jobs": len(files.jobs),
    }


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except (PackageNotFoundError, ValueError):
            continue
    return found


def _tell(path: Path, files: RunFiles, members: list[Member], origin: Source) -> None:
    size, packed = sum(m.size for m in members), path.stat().st_size
    logger.info(
        "%s: %d files, %.1f MiB packed to %.1f MiB, %d jobs",
        path, len(members), size / 2**20, packed / 2**20, len(files.jobs),
    )  # fmt: skip
    state = f"commit {origin.commit}" if origin.commit else "no git: the files themselves"
    logger.info("source: %s%s", state, ", and a patch" if origin.patch else "")
    for name in origin.left_out:
        logger.warning("not packed, a link or more than 10 MiB: %s", name)
    if files.left_out:
        logger.info("left out: %d files, whose checksums are kept", len(files.left_out))
