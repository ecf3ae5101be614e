"""Parts of a cell as they are named on the command line: `name=kind:numbers`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.errors import ConfigError
from surrogate_hpo.physics.space.regions import (
    CartesianBox,
    FractionalBox,
    Mask,
    Region,
    Sphere,
    slab,
    slab_of_heights,
)

FloatArray = NDArray[np.float64]
VECTORS = ("a", "b", "c")
_FORMS = {
    "box": "box:a0,a1,b0,b1,c0,c1 in units of the cell vectors",
    "box-angstrom": "box-angstrom:x0,x1,y0,y1,z0,z1 in Å",
    "slab": "slab:c,0,0.5 in units of the cell vector",
    "slab-angstrom": "slab-angstrom:c,0,4 in Å above the plane of the other two vectors",
    "sphere": "sphere:a,b,c,radius with the centre in units of the cell vectors, the radius in Å",
    "sphere-angstrom": "sphere-angstrom:x,y,z,radius in Å",
    "atoms": "atoms:0,4-7",
    "species": "species:Al",
    "rest": "rest: all that is in no box, slab or sphere",
}


@dataclass(frozen=True)
class Parts:
    """Named parts of a cell.

    Attributes
    ----------
    texts
        What was asked for, by name, in order.
    regions
        Parts of space.
    rest
        Name of what is in none of them, if it was asked for.
    groups
        Numbers of the atoms whose shares of space make up a part.
    """

    texts: dict[str, str]
    regions: dict[str, Region]
    rest: str | None
    groups: dict[str, NDArray[np.int64]]

    @property
    def spatial_names(self) -> list[str]:
        """Names of all but the groups of atoms."""
        return [name for name in self.texts if name not in self.groups]

    def masks(self, box: GridBox, shape: tuple[int, int, int], cell: FloatArray) -> dict[str, Mask]:
        """Points of a box in each part of space, of the shape of the box."""
        found = {name: region.holds(box, shape, cell) for name, region in self.regions.items()}
        if self.rest is not None:
            nowhere = np.zeros(box.shape, np.bool_)
            found[self.rest] = ~reduce(np.logical_or, found.values(), nowhere)
        return found


def read_parts(texts: Sequence[str], atoms: Atoms) -> Parts:
    """Understand what the option says.

    Parameters
    ----------
    texts
        `name=kind:numbers` each.
    atoms
        The structure, Å.

    Returns
    -------
    Parts
        In their order.

    Raises
    ------
    ConfigError
        If one cannot be understood, or makes no sense in this cell.
    """
    parts = Parts({}, {}, None, {})
    rest = None
    for text in texts:
        name, _, what = text.partition("=")
        kind, _, words = what.partition(":")
        if not name.isidentifier() or kind not in _FORMS:
            raise _not_understood(text, "name=kind:numbers, the name of letters and digits")
        if name.endswith("_std"):
            raise _not_understood(text, "a name that does not end as those of spreads do, _std")
        if name in parts.texts:
            raise _not_understood(text, f"one part called {name}")
        parts.texts[name] = what
        try:
            if kind == "rest":
                rest = name
            elif kind in ("atoms", "species"):
                parts.groups[name] = _group(kind, words, atoms)
            else:
                parts.regions[name] = _region(kind, words.split(","), atoms.cell[:])
        except (ValueError, IndexError) as error:
            raise _not_understood(text, _FORMS[kind]) from error
    return Parts(parts.texts, parts.regions, rest, parts.groups)


def _not_understood(text: str, expected: str) -> ConfigError:
    return ConfigError(
        "a part of the cell makes no sense",
        where="--regions",
        expected=expected,
        got=text,
        remedy="one of " + "; ".join(_FORMS.values()),
    )


def _group(kind: str, words: str, atoms: Atoms) -> NDArray[np.int64]:
    if kind == "species":
        found = np.flatnonzero(np.array(atoms.get_chemical_symbols()) == words)
    else:
        ranges = [[int(end) for end in word.split("-")] for word in words.split(",")]
        found = np.unique(np.concatenate([np.arange(r[0], r[-1] + 1) for r in ranges]))
    if not len(found) or found[0] < 0 or found[-1] >= len(atoms):
        msg = "no such atoms"
        raise ValueError(msg)
    return found.astype(np.int64)


def _region(kind: str, words: Sequence[str], cell: FloatArray) -> Region:
    if kind.startswith("slab"):
        make: Callable[..., Region] = slab
        extra = []
        if kind == "slab-angstrom":
            make, extra = slab_of_heights, [cell]
        low, high = map(float, words[1:])
        return make(VECTORS.index(words[0]), low, high, *extra)
    numbers = [float(word) for word in words]
    if kind.startswith("sphere"):
        x, y, z, radius = numbers
        centre = (x, y, z) if kind == "sphere-angstrom" else tuple(np.array([x, y, z]) @ cell)
        return Sphere((centre[0], centre[1], centre[2]), radius)
    a0, a1, b0, b1, c0, c1 = numbers
    box = FractionalBox if kind == "box" else CartesianBox
    return box(((a0, a1), (b0, b1), (c0, c1)))
