"""What made a file: versions, code, settings, seed and inputs; nothing about the host."""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import surrogate_hpo
from surrogate_hpo.config.base import Section
from surrogate_hpo.run.code_digest import code_digest

LIBRARIES = ("ase", "numba", "numpy", "optuna", "scipy", "torch", "xarray", "zarr")


def checksum(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """Checksums by the last two parts of the path; what is no file is left out."""
    return {f"{path.parent.name}/{path.name}": checksum(path) for path in paths if path.is_file()}


def provenance(stage: str, settings: Section, seed: int, inputs: Iterable[Path]) -> dict[str, Any]:
    """Record of what made an output.

    Parameters
    ----------
    stage
        Name of the stage.
    settings
        Its section of the config.
    seed
        Root seed of the config.
    inputs
        Input files; folders and files that do not exist are left out.

    Returns
    -------
    dict
        Plain JSON values, the same on every host for the same inputs.
    """
    return {
        **versions(stage),
        "settings": settings.deciding(),
        "seed": seed,
        "inputs": checksums(inputs),
    }


def versions(stage: str) -> dict[str, Any]:
    """Versions of the package, of the code of a stage or verb, and of the libraries."""
    return {
        "package": f"surrogate-hpo {surrogate_hpo.__version__}",
        "stage": stage,
        "code": code_digest(stage),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def fingerprint(record: dict[str, Any]) -> str:
    """Short digest of a provenance record: names the state of an interrupted job.

    A state is taken up again only by a job of the same code, settings, seed and inputs.
    """
    text = json.dumps(record, sort_keys=True)  # the same for a record that a file has held
    return hashlib.sha256(text.encode()).hexdigest()[:16]
