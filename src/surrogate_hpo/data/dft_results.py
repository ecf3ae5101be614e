"""The JSON of a DFT run: every number of the result under a key that carries its unit."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.documents import read_document, write_document

_UNITS = {
    "ev": (
        "total_free_energy",
        "band_energy",
        "entropy_contribution",
        "hartree_energy",
        "xc_energy",
        "xc_potential_energy",
        "ewald_energy",
        "fermi_energy",
        "eigenvalues",
        "wavefunction_cutoff",
        "density_cutoff",
        "smearing_width",
        "scf_accuracy",
    ),
    "angstrom": ("cell", "positions"),
    "per_angstrom": ("k_points",),
    "ev_per_angstrom": ("forces",),
    "ev_per_angstrom3": ("stress",),
}
_KEYS = {field.name: field.name for field in fields(DftResult)} | {
    name: f"{name}_{unit}" for unit, names in _UNITS.items() for name in names
}
_ARRAYS = ("eigenvalues", "occupations", "k_weights", "k_points", "cell", "positions")
# Files of earlier versions lack these.
_OPTIONAL = ("forces", "stress")
_MAY_BE_UNKNOWN = {field.name for field in fields(DftResult) if "None" in str(field.type)}
_NUMBERS = [
    field.name
    for field in fields(DftResult)
    if str(field.type) in ("<class 'float'>", "<class 'int'>", "float | None", "int | None")
]
# Stored as null: an empty list would not say how many columns it has.
_UNKNOWN = {
    "eigenvalues": np.empty((0, 0)),
    "occupations": np.empty((0, 0)),
    "k_weights": np.empty(0),
    "k_points": np.empty((0, 3)),
}


def write_dft_result(path: Path, result: DftResult, provenance: Mapping[str, Any]) -> None:
    """Write a result as JSON, atomically, with what made it."""
    write_document(path, result_as_document(result) | {"provenance": provenance})


def result_as_document(result: DftResult) -> dict[str, Any]:
    """Every number of a result as a plain JSON value, under a key that carries its unit."""
    return {key: _plain(getattr(result, name)) for name, key in _KEYS.items()}


def read_dft_result(path: Path) -> DftResult:
    """Read what `write_dft_result` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    DftResult
        The result; energies in eV, lengths in Å.

    Raises
    ------
    DataError
        If the file is missing, damaged or incomplete.
    """
    needed = tuple(key for name, key in _KEYS.items() if name not in _OPTIONAL)
    content = read_document(path, keys=needed)
    return result_from_document(content, where=str(path))


def result_from_document(content: Mapping[str, Any], *, where: str) -> DftResult:
    """Take a result from what `result_as_document` gave.

    Parameters
    ----------
    content
        The document; it may hold more.
    where
        File to name in the message.

    Returns
    -------
    DftResult
        The result; energies in eV, lengths in Å.

    Raises
    ------
    DataError
        If a key is missing or holds something else.
    """
    try:
        values = {n: content[key] for n, key in _KEYS.items() if n not in _OPTIONAL}
        values |= {
            name: np.array(given, float)
            for name in _OPTIONAL
            if (given := content.get(_KEYS[name])) is not None
        }
        values |= {
            name: _UNKNOWN.get(name) if values[name] is None else np.array(values[name], float)
            for name in _ARRAYS
        }
        values |= {"fft_grid": tuple(values["fft_grid"]), "species": tuple(values["species"])}
        _check_kinds(values)
        return DftResult(**values)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            "the file is not the result of a DFT run",
            where=where,
            got=str(error),
            remedy="delete it and run the workflow again; it is remade",
        ) from error


def _check_kinds(values: Mapping[str, Any]) -> None:
    """Raise ValueError if a value is of another kind, or an array of another shape."""
    for name in _NUMBERS:
        value = values[name]
        known = value is not None or name in _MAY_BE_UNKNOWN
        if not known or not isinstance(value, int | float | None) or isinstance(value, bool):
            raise ValueError(f"{name} is no number")
        if value is not None and not np.isfinite(float(value)):
            raise ValueError(f"{name} is not finite")
    if missing := [name for name in _ARRAYS if values[name] is None]:
        raise ValueError(f"{missing[0]} may not be unknown")
    atoms, k_points, bands = len(values["species"]), len(values["k_points"]), values["eigenvalues"]
    shapes = {
        "cell": (3, 3),
        "positions": (atoms, 3),
        "k_points": (k_points, 3),
        "k_weights": (k_points,),
        "occupations": bands.shape,
        "eigenvalues": (k_points, bands.shape[-1] if bands.ndim else 0),
    }
    for name, shape in shapes.items():
        if values[name].shape != shape or not np.isfinite(values[name]).all():
            raise ValueError(f"{name} are not finite numbers of shape {shape}")
    grid = values["fft_grid"]
    if len(grid) != 3 or not all(isinstance(n, int) and n > 0 for n in grid):
        raise ValueError("fft_grid is not three counts")
    texts = (*values["species"], values["functional"], values["smearing"])
    if not all(isinstance(text, str) for text in texts) or not atoms:
        raise ValueError("species, functional or smearing are no texts")
    if not isinstance(values["pseudopotentials"], dict):
        raise ValueError("pseudopotentials are no mapping")


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size else None
    return value
