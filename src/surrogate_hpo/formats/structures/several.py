"""Several structures in one file, as `snapshots` and other stages read them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.formats.structures.structures import checked_structure


def write_structures(
    path: Path, structures: Sequence[Atoms], provenance: Mapping[str, Any] | None = None
) -> None:
    """Write structures as extended xyz, atomically, a frame each.

    Parameters
    ----------
    path
        File to write; replaced if it exists. The format does not depend on its name.
    structures
        Periodic structures, Å; elements, positions, cell and `LABELS` are written.
    provenance
        What made them, kept in every comment line.

    Raises
    ------
    DataError
        If no DFT run could be made of one of them.
    """
    frames = [
        checked_structure(atoms, f"{path}, structure {number}")
        for number, atoms in enumerate(structures)
    ]
    for frame in frames:
        frame.info |= {} if provenance is None else {"provenance": dict(provenance)}
    from ase.io import write  # noqa: PLC0415 - it loads half of SciPy

    with replacing(path) as partial, partial.open("w") as stream:
        write(stream, frames, format="extxyz")
