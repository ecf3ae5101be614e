"""Frames of structure files: as ASE reads them, or faster where this package has written them.

They take half a second to import, more than the descriptors of a small cell take to compute. What
is not exactly of this form is left to them.
"""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from surrogate_hpo.errors import DataError
from surrogate_hpo.files.bounded_reading import bounded_reading
from surrogate_hpo.formats.structures.extent import check_counts
from surrogate_hpo.limits import STRUCTURE_BYTES, require_size


def is_file(path: Path | str) -> bool:
    """Whether there is such a file; false for what is too long to be a name."""
    return os.path.isfile(path)  # noqa: PTH113


def read_frames(path: Path, source: str, index: str = ":") -> list[Atoms]:
    """Read structures of a file as they stand in it.

    Parameters
    ----------
    path
        A file that ASE reads.
    source
        What to name in messages.
    index
        Of ASE: a number, or a range; others are not parsed where the format allows it.

    Returns
    -------
    list of ase.Atoms
        Unchecked, Å.

    Raises
    ------
    DataError
        The file is missing or unreadable.
    """
    if not is_file(path):
        raise DataError(
            "the structure file does not exist",
            where=source,
            expected="file, file@index, file@start:stop or file@start:stop:step",
        )
    from ase.io import read  # noqa: PLC0415 - it loads half of SciPy

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
    return read_frames(Path(path), str(path), "0")[0]


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


def selected_frames(path: Path, source: str, index: str | None) -> list[tuple[int, Atoms]]:
    """Read the structures that an index selects; of a single one that alone is parsed.

    Parameters
    ----------
    path
        A file that ASE reads.
    source
        What to name in messages.
    index
        Number or range; None where the file must hold one structure.

    Returns
    -------
    list of tuple
        Place in the file and structure, Å.

    Raises
    ------
    DataError
        The file is missing, unreadable, or does not hold what is selected.
    """
    if index is not None and index.isdecimal():
        try:
            return [(int(index), read_frames(path, source, str(int(index)))[0])]
        except DataError:
            if not is_file(path):
                raise
            # All of them tell whether the file is damaged or shorter.
    frames = read_frames(path, source)
    if index is not None:
        return [(number, frames[number]) for number in _select(index, len(frames), source)]
    if len(frames) != 1:
        raise DataError(
            "the file holds several structures and the source does not say which",
            where=source,
            expected="one structure, or file@index",
            got=f"{len(frames)} structures",
            remedy=f"write {source}@-1 for the last one or {source}@: for all",
        )
    return [(0, frames[0])]


# What is known of a structure's making, beside its provenance: the stage `snapshots` writes it.
LABELS = ("temperature_kelvin", "strain_percent", "random_strain_percent", "shape")
# Of larger files, the import is no matter.
_LARGEST_BYTES = 1 << 20
_NUMBER = r"-?\d{1,18}(?:\.\d{1,20})?(?:e[-+]?\d{1,3})?"
_COMMENT = re.compile(
    rf'Lattice="(?P<lattice>{_NUMBER}(?: {_NUMBER}){{8}})" Properties=species:S:1:pos:R:3'
    rf"(?P<labels>(?: (?:{'|'.join(LABELS)})={_NUMBER})*)"
    r'(?: provenance="_JSON \{[^\n]*\}")? pbc="T T T"'
)
_ATOM = re.compile(rf"(?P<symbol>[A-Z][a-z]?) +(?P<position>{_NUMBER}(?: +{_NUMBER}){{2}})")


def read_written(path: Path) -> Atoms | None:
    """Read a file of one structure that `write_structure` has written.

    Parameters
    ----------
    path
        A file.

    Returns
    -------
    ase.Atoms or None
        Elements, positions and cell in Å, and of `info` the labels, as ASE reads them; None if
        there is no such file, or it is of another form.
    """
    if not is_file(path) or path.stat().st_size > _LARGEST_BYTES:
        return None
    try:
        count, comment, *lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    head = _COMMENT.fullmatch(comment)
    atoms = [_ATOM.fullmatch(line) for line in lines]
    if head is None or count != str(len(atoms)):
        return None
    found = [atom for atom in atoms if atom and atom["symbol"] in atomic_numbers]
    if len(found) < len(atoms) or not atoms:
        return None
    structure = Atoms(
        [atom["symbol"] for atom in found],
        positions=[_numbers(atom["position"]) for atom in found],
        cell=np.reshape(_numbers(head["lattice"]), (3, 3)),
        pbc=True,
    )
    structure.info |= dict(_label(word) for word in head["labels"].split())
    return structure


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def _label(word: str) -> tuple[str, np.number[Any]]:
    """Name and value, of the types that ASE makes of them."""
    name, _, text = word.partition("=")
    return name, np.int64(text) if text.lstrip("-").isdecimal() else np.float64(text)
