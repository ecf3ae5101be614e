"""JSON documents: choices, summaries, energies of a DFT run."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surrogate_hpo import limits
from surrogate_hpo.errors import REMAKE, DataError
from surrogate_hpo.files.atomic import write_text
from surrogate_hpo.limits import require_size


def write_document(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON atomically; numbers keep all their digits, non-finite ones become null."""
    write_text(
        path, json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def _finite(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_document(path: Path, *, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a JSON object and make sure that it has the given keys.

    Parameters
    ----------
    path
        The file.
    keys
        Keys that must be present.

    Returns
    -------
    dict
        The content.

    Raises
    ------
    DataError
        If the file is missing, no JSON object, or lacks a key.
    """
    require_size(path, limits.JSON_BYTES, "document")
    try:
        content = limits.parse_json(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise DataError(
            "a file that an earlier stage writes is missing",
            where=str(path),
            got=error.strerror,
            remedy="let Snakemake make it: snakemake <that path>",
        ) from error
    except ValueError as error:
        raise DataError(
            "the file is not valid JSON",
            where=str(path),
            got=str(error),
            remedy=REMAKE,
        ) from error
    if not isinstance(content, dict):
        raise DataError(
            "the file is no JSON object",
            where=str(path),
            got=type(content).__name__,
            remedy=REMAKE,
        )
    missing = [key for key in keys if key not in content]
    if missing:
        raise DataError(
            "the file lacks what a later stage needs",
            where=str(path),
            expected=f"keys {', '.join(keys)}",
            got=f"missing {', '.join(missing)}",
            remedy=REMAKE,
        )
    return content
