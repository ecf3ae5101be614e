"""Records of the k noise: JSON per snapshot, and all of them together."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from surrogate_hpo.dft.kpoint_noise import KPointNoise
from surrogate_hpo.files.documents import read_document, write_document

_KEYS = tuple(field.name for field in fields(KPointNoise))


def write_noise(path: Path, noise: KPointNoise, provenance: Mapping[str, Any]) -> None:
    """Write the k noise of one snapshot as JSON, atomically, with what made it."""
    write_document(path, asdict(noise) | {"provenance": provenance})


def read_noise(path: Path) -> KPointNoise:
    """Read what `write_noise` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    KPointNoise
        Of one snapshot.

    Raises
    ------
    DataError
        If the file is missing, damaged or incomplete.
    """
    return _noise(read_document(path, keys=_KEYS))


def write_noise_summary(
    path: Path, classes: list[KPointNoise], provenance: Mapping[str, Any]
) -> None:
    """Write the k noise of all size classes as JSON, atomically, with what made it."""
    write_document(path, {"classes": [asdict(c) for c in classes], "provenance": provenance})


def read_noise_summary(path: Path) -> list[KPointNoise]:
    """Read `results/knoise/summary.json`.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of KPointNoise
        One per size class, smallest first.

    Raises
    ------
    DataError
        If the file is missing or damaged.
    """
    return [_noise(entry) for entry in read_document(path, keys=("classes",))["classes"]]


def _noise(content: Mapping[str, Any]) -> KPointNoise:
    return KPointNoise(**{key: content[key] for key in _KEYS})
