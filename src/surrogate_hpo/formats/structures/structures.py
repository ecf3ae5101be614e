"""Atomic structures: any file that ASE reads, and extended xyz."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.formats.structures.contents import (
    UNUSED,
    left_out,
    refuse_disorder,
    refuse_types_without_elements,
    unused_contents,
)
from surrogate_hpo.formats.structures.extent import OVERLAP, check_extent, refuse_overlap
from surrogate_hpo.formats.structures.frames import (
    LABELS,
    is_file,
    read_frames,
    read_written,
    selected_frames,
)

_INDEX = re.compile(
    r"(?P<file>.+)@(?P<index>-?\d{1,18}|-?\d{0,18}:-?\d{0,18}(?::-?0*[1-9]\d{0,17})?)", re.DOTALL
)


def read_structures(source: str) -> list[Atoms]:
    """Read structures for DFT: periodic, with sane distances.

    Parameters
    ----------
    source
        `file`, or `file@index` with one index (`run.traj@-1`) or a range (`run.xyz@10:20`,
        `run.xyz@:`, every tenth `run.xyz@::10`). Without index the file must hold one structure.

    Returns
    -------
    list of ase.Atoms
        The structures, Å, without calculator; `info["unused"]` names what else a file says.

    Raises
    ------
    DataError
        The file is missing or unreadable, the index is outside it, it holds several structures
        and no index was given, a LAMMPS file names no elements, or a structure is not periodic,
        has overlapping atoms or a partly occupied site.
    """
    if (written := read_written(Path(source))) is not None:
        return [checked_structure(written, f"{source}, structure 0")]
    return [checked for checked, _ in read_structures_and_frames(source)]


def read_structures_and_frames(source: str) -> list[tuple[Atoms, Atoms]]:
    """The same, each beside all that ASE has read for it: velocities, masses, constraints.

    Parameters
    ----------
    source
        As for `read_structures`.

    Returns
    -------
    list of tuple
        Structure as `read_structures` gives it, and as it stands in the file.

    Raises
    ------
    DataError
        As `read_structures`.
    """
    unused = left_out(_located(source)[0])
    return [
        (_with_unused(checked_structure(frame, where), frame, unused), frame)
        for frame, where in select_frames(source)
    ]


def select_frames(source: str, *, all_of_them: bool = False) -> list[tuple[Atoms, str]]:
    """The structures of a source as they stand in the file, unchecked, and what to call each.

    Parameters
    ----------
    source
        As for `read_structures`.
    all_of_them
        Without index, take all structures of the file; else there must be one.

    Returns
    -------
    list of tuple
        Structure in Å with all that ASE read for it, and its name for messages.

    Raises
    ------
    DataError
        The file is missing or unreadable, a LAMMPS file names no elements, or the index fits
        nothing.
    """
    path, index = _located(source)
    refuse_types_without_elements(path, source)
    if index is None and all_of_them:
        index = ":"
    return [
        (frame, f"{path}, structure {number}")
        for number, frame in selected_frames(path, source, index)
    ]


def _located(source: str) -> tuple[Path, str | None]:
    """File and index of a source."""
    # A file may itself be called with an @.
    match = None if is_file(source) else _INDEX.fullmatch(source)
    path = Path(match["file"] if match else source)
    name, _, index = source.rpartition("@")
    if match is None and not is_file(path) and is_file(name):
        raise DataError(
            "the index of the structures is none",
            where=source,
            expected="a number, or a range start:stop or start:stop:step",
            got=repr(index),
            remedy="0 is the first structure, -1 the last, : are all",
        )
    return path, None if match is None else match["index"]


def _with_unused(bare: Atoms, read: Atoms, unused: tuple[str, ...]) -> Atoms:
    if found := tuple(sorted({*unused_contents(read), *unused})):
        bare.info[UNUSED] = found
    return bare


def checked_structure(atoms: Atoms, where: str) -> Atoms:
    """Copy with elements, cell, positions and labels only, after checking that DFT can run on it.

    Parameters
    ----------
    atoms
        The structure, Å.
    where
        What to name in messages.

    Returns
    -------
    ase.Atoms
        Periodic along all vectors; of `info` those of `LABELS` that there are.

    Raises
    ------
    DataError
        The structure is not periodic or empty, has overlapping atoms, a partly occupied site or
        an atom without element, or a label is no number.
    """
    # Of undefined numbers, NumPy would warn first.
    defined = np.isfinite(atoms.cell.array).all()
    volume = abs(np.linalg.det(atoms.cell.array)) if defined else np.nan
    if not atoms.pbc.all() or not volume > 0:
        raise DataError(
            "the structure is not periodic in three dimensions",
            where=where,
            expected="three cell vectors and periodic boundaries along each",
            got=f"pbc {atoms.pbc.tolist()}, volume {volume:.3f} Å³",
            remedy='give the cell, in extended xyz as Lattice="..." pbc="T T T"',
        )
    if len(atoms) == 0 or not np.isfinite(atoms.positions).all():
        raise DataError(
            "the structure has no atoms or undefined positions",
            where=where,
            expected="at least one atom, coordinates in Å",
            got=f"{len(atoms)} atoms, {np.count_nonzero(~np.isfinite(atoms.positions))} undefined "
            "coordinates",
            remedy="look for what wrote the file: a calculation that failed or was cut off",
        )
    check_extent(atoms, 2 * OVERLAP * covalent_radii.max(), where)
    if not atoms.numbers.all():
        raise DataError(
            "an atom of the structure has no element",
            where=where,
            got=f"X for atom {int(np.flatnonzero(atoms.numbers == 0)[0])}",
            remedy="name the elements in the file",
        )
    refuse_disorder(atoms, where)
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    bare.info |= _labels(atoms, where)
    refuse_overlap(bare, where)
    return bare


def _labels(atoms: Atoms, where: str) -> dict[str, float]:
    found = {key: atoms.info[key] for key in LABELS if atoms.info.get(key) is not None}
    for key, value in found.items():
        if not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise DataError(
                "a label of the structure is no number",
                where=where,
                expected=f"{key}=298, or none",
                got=f"{key}={value!r}",
            )
    return found


def read_structure(source: Path | str) -> Atoms:
    """Read exactly one structure, see `read_structures`.

    Parameters
    ----------
    source
        `file` or `file@index`.

    Returns
    -------
    ase.Atoms
        Periodic structure, Å.

    Raises
    ------
    DataError
        As `read_structures`, or if the source selects several structures.
    """
    structures = read_structures(str(source))
    if len(structures) != 1:
        raise DataError(
            "one structure is wanted here",
            where=str(source),
            got=f"{len(structures)} structures",
            remedy="select one by file@index",
        )
    return structures[0]


def read_structure_provenance(path: Path) -> dict[str, Any]:
    """Read what `write_structure` was told of the structure's making."""
    provenance: dict[str, Any] = read_frames(path, str(path))[0].info.get("provenance", {})
    return provenance


def read_temperature(path: Path) -> float | None:
    """Read the temperature that the ions of a snapshot were drawn at.

    Parameters
    ----------
    path
        A file with one structure; the temperature is `temperature_kelvin` of its comment line.

    Returns
    -------
    float or None
        K; None if the file does not tell.

    Raises
    ------
    DataError
        The file is missing or unreadable, or the temperature is no number above 0.
    """
    written = read_written(path)
    frame = read_frames(path, str(path))[0] if written is None else written
    found = frame.info.get("temperature_kelvin")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float | np.number) or not found > 0:
        raise DataError(
            "the temperature of a structure makes no sense",
            where=str(path),
            expected="temperature_kelvin=298, a number above 0, in the comment line, or none",
            got=str(found),
        )
    return float(found)


def write_structure(path: Path, atoms: Atoms, provenance: Mapping[str, Any] | None = None) -> None:
    """Write one structure as extended xyz, atomically.

    Parameters
    ----------
    path
        File to write; replaced if it exists. The format does not depend on its name.
    atoms
        Periodic structure, Å; elements, positions, cell and `LABELS` are written.
    provenance
        What made it, kept in the comment line.
    """
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    bare.info |= _labels(atoms, str(path))
    if provenance is not None:
        bare.info["provenance"] = dict(provenance)
    from ase.io import write  # noqa: PLC0415 - it loads half of SciPy

    with replacing(path) as partial, partial.open("w") as stream:
        write(stream, bare, format="extxyz")
