"""Frames of structure files, as ASE reads them."""

import os
from pathlib import Path

from ase import Atoms

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
