"""The JSON of a DFT run: every number of the result under a key that carries its unit."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.io.documents import read_document, write_document

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
}
_KEYS = {field.name: field.name for field in fields(DftResult)} | {
    name: f"{name}_{unit}" for unit, names in _UNITS.items() for name in names
}
_ARRAYS = ("eigenvalues", "occupations", "k_weights", "k_points", "cell", "positions")


def write_dft_result(path: Path, result: DftResult, provenance: Mapping[str, Any]) -> None:
    """Write a result as JSON, atomically, with what made it."""
    content = {key: _plain(getattr(result, name)) for name, key in _KEYS.items()}
    write_document(path, content | {"provenance": provenance})


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
    content = read_document(path, keys=tuple(_KEYS.values()))
    values = {name: content[key] for name, key in _KEYS.items()}
    try:
        values |= {name: np.array(values[name], dtype=np.float64) for name in _ARRAYS}
        values |= {"fft_grid": tuple(values["fft_grid"]), "species": tuple(values["species"])}
        return DftResult(**values)
    except (TypeError, ValueError) as error:
        raise DataError(
            "the file is not the result of a DFT run",
            where=str(path),
            got=str(error),
            remedy="delete it and run the workflow again; it is remade",
        ) from error


def _plain(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray) else value
