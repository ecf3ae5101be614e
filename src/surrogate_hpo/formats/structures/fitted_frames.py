"""Structures of the user's with energies, and perhaps forces and stress, to fit potentials to."""

from collections.abc import Iterator, Sequence

import numpy as np
from ase import Atoms
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.labelled import (
    ENERGY,
    forces_of,
    number_of,
    results_of,
)
from surrogate_hpo.formats.structures.structures import checked_structure, select_frames
from surrogate_hpo.potential.labelled import Labelled

# In this order: forces are derivatives of the free energy, not of what is extrapolated to 0 K.
_ENERGIES = ("free_energy", "energy")
_VOIGT = 6


def read_fitted_frames(sources: Sequence[str]) -> list[Labelled]:
    """Read structures with energies, and forces and stress where frames have them.

    The energy is `total_free_energy_ev` of the comment line; without it, the `free_energy` or else
    the `energy` that ASE reads for the frame. All frames must say the same of these.

    Parameters
    ----------
    sources
        `file` (all of its frames), `file@index` or `file@start:stop`.

    Returns
    -------
    list of Labelled
        In the order of the sources; Å, eV, eV/Å, eV/Å³.

    Raises
    ------
    DataError
        If a file is missing or unreadable, an index is outside it, a structure makes no sense, a
        frame has no energy, has another kind of energy than the first, or has forces or a stress
        that make no sense; file and frame are named.
    """
    found: list[Labelled] = []
    kinds: dict[str, str] = {}
    for one, kind in _read(sources):
        kinds.setdefault(kind, one.name)
        found.append(one)
    if len(kinds) > 1:
        raise DataError(
            "frames have different kinds of energies",
            where=", ".join(dict.fromkeys(kinds.values())),
            expected="one kind for all frames",
            got=", ".join(f"{kind} of {name}" for kind, name in kinds.items()),
            remedy=f"write one of them as {ENERGY} into every frame",
        )
    return found


def _read(sources: Sequence[str]) -> Iterator[tuple[Labelled, str]]:
    for source in sources:
        for atoms, where in select_frames(source, all_of_them=True):
            kind, energy = _energy(atoms, where)
            one = Labelled(
                checked_structure(atoms, where),
                where,
                energy,
                forces_of(atoms, where),
                _stress(atoms, where),
                f"{len(atoms)} atoms",
            )
            yield one, kind


def _energy(atoms: Atoms, where: str) -> tuple[str, float]:
    results = results_of(atoms)
    for kind, found in [
        (ENERGY, atoms.info.get(ENERGY)),
        *((name, results.get(name)) for name in _ENERGIES),
    ]:
        if found is not None:
            return kind, number_of(found, kind, where)
    raise DataError(
        "the energy of a structure is not known",
        where=where,
        expected=f"{ENERGY}=-1827.67 or energy=-1827.67 in the comment line, eV per cell, or the "
        "output of a program that ASE reads",
        got="neither",
        remedy="write it there, or leave the frame out: file@0:12",
    )


def _stress(atoms: Atoms, where: str) -> NDArray[np.float64] | None:
    found = results_of(atoms).get("stress")
    if found is None:
        return None
    values = np.asarray(found)
    numbers = values.dtype.kind in "fiu" and bool(np.isfinite(values).all())
    if not numbers or values.shape not in ((_VOIGT,), (3, 3)):
        raise DataError(
            "the stress of a structure makes no sense",
            where=where,
            expected="six finite numbers (xx yy zz yz xz xy) or nine, eV/Å³",
            got=f"an array of shape {values.shape} and type {values.dtype}"
            if numbers or values.dtype.kind not in "fiu"
            else "undefined numbers",
            remedy="mend it, or remove it from the frame",
        )
    full = voigt_6_to_full_3x3_stress(values) if values.shape == (_VOIGT,) else values
    return np.asarray(full, np.float64)
