"""Extended xyz as this package writes it, read without ASE's readers.

They take half a second to import, more than the descriptors of a small cell take to compute. What
is not exactly of this form is left to them.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from surrogate_hpo.formats.structures.frames import is_file

# What is known of a structure's making, beside its provenance: the stage `snapshots` writes it.
LABELS = ("temperature_kelvin", "strain_percent", "shape")
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
