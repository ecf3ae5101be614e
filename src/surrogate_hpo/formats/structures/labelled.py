"""Structures with a known total free energy, some with forces, that a surrogate is judged on."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames

ENERGY, TEMPERATURE, SECONDS = "total_free_energy_ev", "temperature_kelvin", "dft_cpu_seconds"


@dataclass(frozen=True)
class LabelledFrame:
    """A structure and what DFT has found for it.

    Attributes
    ----------
    atoms
        Periodic structure, Å, without calculator.
    where
        File and number of the frame, for messages.
    total_free_energy
        A = E − TS of DFT, eV per cell.
    temperature
        Of the ions, K; None if it is not known.
    dft_cpu_seconds
        CPU time that DFT took; None if it is not known.
    forces
        Forces of DFT, eV/Å, [atom, 3]; None if they are not known.
    """

    atoms: Atoms
    where: str
    total_free_energy: float
    temperature: float | None
    dft_cpu_seconds: float | None
    forces: NDArray[np.float64] | None


def read_labelled(sources: Sequence[str]) -> list[LabelledFrame]:
    """Read structures with their total free energies.

    The energy is `total_free_energy_ev` of the comment line; without it, the `free_energy` that
    ASE reads for the frame. Its `energy` is not taken: programs extrapolate it to 0 K. Forces are
    those that ASE reads for the frame, if there are any.

    Parameters
    ----------
    sources
        `file` (all of its frames), `file@index` or `file@start:stop`.

    Returns
    -------
    list of LabelledFrame
        In the order of the sources.

    Raises
    ------
    DataError
        If a file is missing or unreadable, an index is outside it, a structure makes no sense,
        a frame has no energy, or forces are not three numbers per atom; file and frame are named.
    """
    return list(_read(sources))


def _read(sources: Sequence[str]) -> Iterator[LabelledFrame]:
    first: dict[str, str] = {}
    for source in sources:
        for atoms, where in select_frames(source, all_of_them=True):
            if where in first:
                raise DataError(
                    "a frame is named twice: it would count twice in the errors",
                    where=where,
                    got=f"{first[where]} and {source}",
                    remedy="leave one of them out of transfer.structures",
                )
            first[where] = source
            yield LabelledFrame(
                checked_structure(atoms, where),
                where,
                _energy(atoms, where),
                _positive(atoms, TEMPERATURE, where),
                _positive(atoms, SECONDS, where),
                forces_of(atoms, where),
            )


def _energy(atoms: Atoms, where: str) -> float:
    found = atoms.info.get(ENERGY)
    if found is None:
        found = results_of(atoms).get("free_energy")
    if found is None:
        raise DataError(
            "the total free energy of a structure is not known",
            where=where,
            expected=f"{ENERGY}=-1827.67 in the comment line, eV per cell, or a calculator's "
            "free_energy",
            got="neither",
            remedy="write it there (E − TS of DFT with the settings of the run, not the energy "
            "extrapolated to 0 K), or leave the frame out: file@0:12",
        )
    return number_of(found, ENERGY, where)


def results_of(atoms: Atoms) -> dict[str, Any]:
    """What a program has found, as ASE read it from the file."""
    return getattr(atoms.calc, "results", {})


def forces_of(atoms: Atoms, where: str) -> NDArray[np.float64] | None:
    """Forces that ASE read for a frame, eV/Å, [N, 3]; DataError if they make no sense."""
    found = results_of(atoms).get("forces")
    if found is None:
        return None
    values, got = np.asarray(found), ""
    if values.shape != (len(atoms), 3) or values.dtype.kind not in "fiu":
        got = f"an array of shape {values.shape} and type {values.dtype}"
    elif len(undefined := np.flatnonzero(~np.isfinite(values).all(axis=1))):
        got = f"undefined numbers at {len(undefined)} atoms, the first is atom {undefined[0]}"
    if got:
        raise DataError(
            "the forces of a structure make no sense",
            where=where,
            expected=f"three finite numbers for each of the {len(atoms)} atoms, eV/Å",
            got=got,
            remedy="mend them, or remove them from the frame: it counts by its energy then",
        )
    return values.astype(np.float64)


def _positive(atoms: Atoms, key: str, where: str) -> float | None:
    found = atoms.info.get(key)
    if found is None:
        return None
    number = number_of(found, key, where)
    if number <= 0:
        raise _senseless(found, key, where, "a number above 0, or none")
    return number


def number_of(found: object, key: str, where: str) -> float:
    """A finite number that a frame says of itself, or DataError."""
    known = isinstance(found, int | float | np.number) and not isinstance(found, bool)
    number = float(found) if known else math.nan  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise _senseless(found, key, where, "a number")
    return number


def _senseless(found: object, key: str, where: str, expected: str) -> DataError:
    return DataError(
        f"{key} of a structure makes no sense",
        where=where,
        expected=expected,
        got=repr(found),
        remedy="mend it in the comment line of the frame",
    )
