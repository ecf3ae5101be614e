"""Sums over pairs of atoms: energy, forces and strain of what depends on distances alone."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class Terms:
    """What a potential, or a part of it, says of a structure.

    Attributes
    ----------
    energy
        eV per cell.
    forces
        eV/Å, [N, 3].
    strain
        dE/dε for r → r(1 + ε), eV, [3, 3]; over the volume it is the stress.
    """

    energy: float
    forces: FloatArray
    strain: FloatArray


class PairPotential(Protocol):
    """Energy of a pair of atoms of two elements at a distance."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols, by atomic number."""

    @property
    def cutoff(self) -> float:
        """Distance from which on all is zero, Å."""

    def radial(
        self, first: IndexArray, second: IndexArray, distance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Energy (eV) of each pair within the cutoff, and its slope (eV/Å)."""


@dataclass(frozen=True)
class Pairs:
    """All pairs within a distance, each from both of its ends.

    Attributes
    ----------
    first
        Number of the atom at the one end, [P].
    second
        At the other, [P].
    vector
        From the first to the second, Å, [P, 3].
    distance
        Å, [P].
    """

    first: IndexArray
    second: IndexArray
    vector: FloatArray
    distance: FloatArray

    def forces(self, slopes: FloatArray, number: int) -> FloatArray:
        """Forces on `number` atoms from the slope of every pair's energy, [N, 3]."""
        pulls = (slopes / self.distance)[:, None] * self.vector
        return np.column_stack(
            [np.bincount(self.first, pulls[:, axis], minlength=number) for axis in range(3)]
        )


def pairs_within(atoms: Atoms, cutoff: float) -> Pairs:
    """List the pairs of a periodic structure, images included.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    cutoff
        Å.

    Returns
    -------
    Pairs
        With distances above zero.

    Raises
    ------
    DataError
        If two atoms are in one place.
    """
    from ase.neighborlist import neighbor_list  # noqa: PLC0415 - it loads half of SciPy

    first, second, vector, distance = neighbor_list("ijDd", atoms, cutoff)
    if len(distance) and distance.min() <= 0:
        worst = int(distance.argmin())
        raise DataError(
            "two atoms are in one place",
            expected="distances above 0 Å",
            got=f"atoms {first[worst]} and {second[worst]}",
            remedy="look for an atom that is given twice",
        )
    return Pairs(first, second, vector, distance)


def shortest_distance(atoms: Atoms, cutoff: float) -> float:
    """Distance of the closest two atoms, Å; the cutoff if there are none within it."""
    return float(pairs_within(atoms, cutoff).distance.min(initial=cutoff))


def pair_terms(atoms: Atoms, kinds: IndexArray, potential: PairPotential) -> Terms:
    r"""Energy, forces and strain of a pair potential.

    .. math::
        E = \tfrac12 \sum_{i \ne j} \phi_{ij}(r_{ij}), \qquad
        \frac{\mathrm{d}E}{\mathrm{d}\varepsilon} = \tfrac12 \sum_{i \ne j}
        \phi'_{ij} \frac{\mathbf{r}_{ij} \otimes \mathbf{r}_{ij}}{r_{ij}}

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    kinds
        Index of each atom's element, [N].
    potential
        Of pairs.

    Returns
    -------
    Terms
        eV, eV/Å.
    """
    pairs = pairs_within(atoms, potential.cutoff)
    energies, slopes = potential.radial(kinds[pairs.first], kinds[pairs.second], pairs.distance)
    pull = (slopes / pairs.distance)[:, None] * pairs.vector
    return Terms(
        float(energies.sum() / 2),
        pairs.forces(slopes, len(atoms)),
        pairs.vector.T @ pull / 2,
    )
