"""What potentials are fitted to: structures with energies, forces and stresses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Labelled:
    """A structure and what is known of it.

    Attributes
    ----------
    atoms
        Periodic structure, Å.
    name
        What to call it in messages and tables.
    energy
        eV per cell.
    forces
        eV/Å, [N, 3]; None if not known.
    stress
        eV/Å³, positive under tension, [3, 3]; None if not known.
    group
        The class that it is judged in, such as its number of atoms; may be empty.
    dos
        Share of each atom in the density of states, 1/eV, [N, energies]; None if not known.
    """

    atoms: Atoms
    name: str
    energy: float
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    group: str = ""
    dos: FloatArray | None = None


def spread_over(data: Sequence[Labelled], number: int) -> list[Labelled]:
    """At most so many of the structures, evenly spread over all."""
    if len(data) <= number:
        return list(data)
    return [data[int(i)] for i in np.linspace(0, len(data) - 1, number).round()]
