"""Atomic structures: any file that ASE reads, and extended xyz."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read, write
from ase.neighborlist import neighbor_list

from surrogate_hpo.errors import DataError
from surrogate_hpo.io.atomic import replacing
from surrogate_hpo.io.bounded_reading import bounded_reading
from surrogate_hpo.io.structure_extent import check_counts, check_extent
from surrogate_hpo.limits import STRUCTURE_BYTES, require_size

# Share of the sum of covalent radii below which two atoms are taken to overlap. Thermal and even
# strongly compressed solids stay above 0.7.
_OVERLAP = 0.5
# What is known of a structure's making, beside its provenance: the stage `snapshots` writes it.
LABELS = ("temperature_kelvin", "strain_percent", "shape")
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
        The structures, Å, without calculator.

    Raises
    ------
    DataError
        The file is missing or unreadable, the index is outside it, it holds several structures
        and no index was given, or a structure is not periodic or has overlapping atoms.
    """
    # A file may itself be called with an @.
    match = None if _is_file(source) else _INDEX.fullmatch(source)
    path = Path(match["file"] if match else source)
    name, _, index = source.rpartition("@")
    if match is None and not _is_file(path) and _is_file(name):
        raise DataError(
            "the index of the structures is none",
            where=source,
            expected="a number, or a range start:stop or start:stop:step",
            got=repr(index),
            remedy="0 is the first structure, -1 the last, : are all",
        )
    frames = _frames(path, source)
    if match is None:
        if len(frames) != 1:
            raise DataError(
                "the file holds several structures and the source does not say which",
                where=source,
                expected="one structure, or file@index",
                got=f"{len(frames)} structures",
                remedy=f"write {source}@-1 for the last one or {source}@: for all",
            )
        numbers = [0]
    else:
        numbers = _select(match["index"], len(frames), source)
    return [checked_structure(frames[number], f"{path}, structure {number}") for number in numbers]


def _is_file(path: Path | str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 (false for what is too long to be a name)


def _frames(path: Path, source: str, index: str = ":") -> list[Atoms]:
    if not _is_file(path):
        raise DataError(
            "the structure file does not exist",
            where=source,
            expected="file, file@index, file@start:stop or file@start:stop:step",
        )
    require_size(path, STRUCTURE_BYTES, "structure file")
    check_counts(path)
    try:
        with bounded_reading(path):
            frames = read(path, index=index, do_not_split_by_at_sign=True)
    # ASE's readers raise whatever their parsing happens to meet.
    except Exception as error:
        raise DataError(
            "the structure file cannot be read",
            where=source,
            expected="a format that ASE knows",
            got=f"{type(error).__name__}: {error}"[:500],
        ) from error
    return frames if isinstance(frames, list) else [frames]


def first_frame(path: Path | str) -> Atoms:
    """The first structure of a file, unchecked: its cell and number of atoms.

    Parameters
    ----------
    path
        A file that ASE reads.

    Returns
    -------
    ase.Atoms
        As it stands in the file, Å.

    Raises
    ------
    DataError
        The file is missing or unreadable.
    """
    return _frames(Path(path), str(path), "0")[0]


def _select(index: str, count: int, source: str) -> list[int]:
    if ":" in index:
        bounds = (int(word) if word else None for word in index.split(":"))
        chosen = list(range(count))[slice(*bounds)]
    else:
        number = int(index)
        chosen = [number % count] if -count <= number < count else []
    if not chosen:
        raise DataError(
            "the index selects no structure",
            where=source,
            expected=f"an index or range within {count} structures",
            got=index,
        )
    return chosen


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
        The structure is not periodic or empty, has overlapping atoms, or a label is no number.
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
    check_extent(atoms, 2 * _OVERLAP * covalent_radii.max(), where)
    bare = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=True)
    bare.info |= _labels(atoms, where)
    _refuse_overlap(bare, where)
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


def _refuse_overlap(atoms: Atoms, where: str) -> None:
    radii = covalent_radii[atoms.numbers]
    first, second, distance = neighbor_list("ijd", atoms, 2 * _OVERLAP * radii.max())
    share = distance / (radii[first] + radii[second])
    if len(share) and share.min() < _OVERLAP:
        worst = int(share.argmin())
        i, j = int(first[worst]), int(second[worst])
        raise DataError(
            "two atoms overlap",
            where=where,
            expected=f"at least {_OVERLAP * (radii[i] + radii[j]):.2f} Å between "
            f"{atoms.symbols[i]} and {atoms.symbols[j]}",
            got=f"{distance[worst]:.3f} Å between atoms {i} and {j} (or their images)",
            remedy="check that lengths are in Å and that no atom is given twice",
        )


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
    provenance: dict[str, Any] = _frames(path, str(path))[0].info.get("provenance", {})
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
    found = _frames(path, str(path))[0].info.get("temperature_kelvin")
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
    with replacing(path) as partial, partial.open("w") as stream:
        write(stream, bare, format="extxyz")
