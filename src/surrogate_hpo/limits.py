"""How large, deep and many the parts of a user's file may be.

A reader compares with these before it allocates or loops. They are generous: a real file reaches
a tenth of them at most. What is beyond is damaged, or made to fill the memory of who reads it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from surrogate_hpo.errors import DataError

MIB = 1 << 20

# A config of all options has 10 kB and 5 levels; YAML needs 1 kB of memory per node.
CONFIG_BYTES = MIB
CONFIG_NODES = 100_000
CONFIG_DEPTH = 40
# Digits of a number in a config; a double has 17 digits and an exponent.
CONFIG_DIGITS = 40
# Snapshots of a split: each is several jobs, and Snakemake holds all of them.
SNAPSHOTS = 100_000
# Energies of an LDOS: 250 are common, the narrowest kernels need some thousands.
ENERGIES = 100_000
# Python needs up to 100 bytes for a JSON list or object, 40 for a number in it. Eigenvalues of
# 1 000 k points with 1 000 bands are 2 million numbers.
JSON_BYTES = 256 * MIB
JSON_CONTAINERS = 2_000_000
JSON_VALUES = 10_000_000
# Quantum ESPRESSO's XML, with eigenvalues and occupations: 40 bytes for each; as a tree, twice.
XML_BYTES = 256 * MIB
XML_ELEMENTS = 2_000_000
XML_DEPTH = 100
# Characters of one number: 25 are common.
NUMBER_CHARACTERS = 100
# The largest potentials in public libraries have 5 MB; radial grids have 500 to 5 000 points.
UPF_BYTES = 64 * MIB
RADIAL_BYTES = 16 * MIB
# A grid of 1000³ points, or 20 million atoms as text.
CUBE_BYTES = 16 << 30
# Points along a cell vector: 0.1 Å apart, 10 µm.
GRID_POINTS = 1_000_000
# Atoms of one structure: more than DFT can do on any machine.
ATOMS = 1_000_000
# Largest structure file: a trajectory of 100 000 frames of 500 atoms as text.
STRUCTURE_BYTES = 4 << 30
# Bytes of numbers per byte of a compressed file: an LDOS shrinks to a half.
LARGEST_COMPRESSION = 200
# Entries of a torch or zarr container, and bytes of the pickle of a torch file (no tensors).
CONTAINER_ENTRIES = 1_000_000
PICKLE_BYTES = 16 * MIB
# Bytes of one JSON document in a zarr store, and of its metadata altogether.
ZARR_METADATA_BYTES = 16 * MIB
# What Snakemake notes of an output: its settings and input files.
RECORD_BYTES = 16 * MIB
# RO-Crate: 1 kB per file and job, each of which the library makes an object of.
CRATE_BYTES = 64 * MIB
# The list of an archive: 400 000 files with names of 100 characters.
MANIFEST_BYTES = 64 * MIB
# Operations in the journal of a search: 100 000 trials have about 30 each.
JOURNAL_BYTES = 1 << 30
JOURNAL_LINE_BYTES = MIB


def require(
    fulfilled: bool,
    what: str,
    *,
    where: str,
    most: object,
    got: object,
    remedy: str = "it is damaged, or not what its name says",
) -> None:
    """Raise DataError if a file is beyond a limit.

    Parameters
    ----------
    fulfilled
        Whether it is not.
    what
        What is too large.
    where
        The file and the place in it.
    most
        The limit, with its unit.
    got
        What was found.
    remedy
        What the user can do.

    Raises
    ------
    DataError
        If it is beyond.
    """
    if not fulfilled:
        raise DataError(what, where=where, expected=f"at most {most}", got=str(got), remedy=remedy)


def require_size(path: Path, largest: int, kind: str) -> None:
    """Raise DataError if a file is larger than any of its kind, or is no regular file.

    Parameters
    ----------
    path
        The file; one that does not exist is left to its reader.
    largest
        Bytes.
    kind
        What it should be, as in `sidecar`.

    Raises
    ------
    DataError
        If it is larger, or a device or pipe, which has no end.
    """
    if not path.exists():
        return
    if not path.is_file() and not path.is_dir():
        raise DataError(f"the {kind} is no ordinary file", where=str(path))
    size = path.stat().st_size
    require(
        size <= largest,
        f"the {kind} is larger than any that makes sense",
        where=str(path),
        most=f"{largest / MIB:g} MiB",
        got=f"{size / MIB:.1f} MiB",
    )


def parse_json(text: str, where: str, *, constants: Callable[[str], Any] | None = None) -> Any:  # noqa: ANN401
    """Parse JSON of somebody else.

    Parameters
    ----------
    text
        The document.
    where
        What to name in messages.
    constants
        What becomes of `NaN`, `Infinity` and `-Infinity`; numbers if left out.

    Returns
    -------
    any JSON value
        The content.

    Raises
    ------
    DataError
        If it has more parts than the limits allow.
    ValueError
        If it is no JSON, is nested too deeply, or holds a number of thousands of digits.
    """
    what = "the JSON document has more parts than any that makes sense"
    containers = text.count("[") + text.count("{")
    require(containers <= JSON_CONTAINERS, what, where=where, most=JSON_CONTAINERS, got=containers)
    values = text.count(",")
    require(values <= JSON_VALUES, what, where=where, most=JSON_VALUES, got=values)
    try:
        return json.loads(text, parse_constant=constants)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
