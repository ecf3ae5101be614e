"""Files of the chunks of a stage: what each job has found, for the job that gathers it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surrogate_hpo import limits
from surrogate_hpo.config.base import Section
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.run.provenance import provenance

_REMEDY = "delete the folder of these files and run the workflow again; they are remade"
# Chunks of which one of these differs are not parts of one whole.
_COMMON = ("code", "settings", "seed", "inputs")


@dataclass(frozen=True)
class Gathered:
    """What all chunks of a stage have found.

    Attributes
    ----------
    results
        Records by key.
    facts
        What is the same for all of them.
    made
        Provenance of the chunks, the same for all but for versions.
    """

    results: dict[str, dict[str, Any]]
    facts: dict[str, Any]
    made: dict[str, Any]

    def provenance(self, stage: str, settings: Section, seed: int, *own: Path) -> dict[str, Any]:
        """Record of what made the output of a gathering job, as if it had done all by itself.

        Parameters
        ----------
        stage
            Name of the stage.
        settings
            Its section of the config.
        seed
            Root seed of the config.
        *own
            Input files that the chunks have not read.

        Returns
        -------
        dict
            As of :func:`surrogate_hpo.run.provenance.provenance`.
        """
        record = provenance(stage, settings, seed, own)
        return record | {"inputs": self.made["inputs"] | record["inputs"]}


def write_chunk(
    path: Path,
    results: Mapping[str, Mapping[str, Any]],
    made: Mapping[str, Any],
    **facts: object,
) -> None:
    """Write what one job has found.

    Parameters
    ----------
    path
        The file: JSON, with ``Infinity`` and ``NaN`` as Python writes them.
    results
        Records by key.
    made
        Provenance of the job.
    **facts
        What is the same for all chunks and does not follow from their results.
    """
    content = {"facts": facts, "results": dict(results), "provenance": made}
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_chunks(paths: Sequence[Path]) -> Gathered:
    """Read what all jobs have found.

    Parameters
    ----------
    paths
        One file per job, at least one.

    Returns
    -------
    Gathered
        All digits as they were written.

    Raises
    ------
    DataError
        A file is missing, damaged or another document; or the files were not all made by the same
        code from the same settings, seed and inputs; or hold one result twice.
    """
    first, *others = (_read(path) for path in paths)
    found = Gathered(dict(first.results), first.facts, first.made)
    for path, chunk in zip(paths[1:], others, strict=True):
        differing = [key for key in _COMMON if chunk.made.get(key) != found.made.get(key)]
        twice = found.results.keys() & chunk.results.keys()
        if differing or chunk.facts != found.facts or twice:
            raise DataError(
                "these are not the chunks of one stage",
                where=f"{paths[0]} and {path}",
                expected="the same code, settings, seed and inputs, and no result twice",
                got=f"other {', '.join(differing) or 'facts'}; twice: {sorted(twice) or 'none'}",
                remedy=_REMEDY,
            )
        found.results.update(chunk.results)
    return found


def _read(path: Path) -> Gathered:
    limits.require_size(path, limits.JSON_BYTES, "document")
    try:
        content = limits.parse_json(path.read_text(encoding="utf-8"), str(path))
        found = Gathered(*(dict(content[key]) for key in ("results", "facts", "provenance")))
        dict(found.made["inputs"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            "the file is not what a chunk of a stage writes",
            where=str(path),
            expected="JSON with results, facts and provenance",
            got=f"{type(error).__name__}: {error}",
            remedy=_REMEDY,
        ) from error
    return found
