"""What a linear SNAP potential knows of a structure: sums of the bispectrum over its atoms."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo.descriptors.adjoint.atom_jacobian import summed_jacobian
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AtomDescriptor:
    """How the neighbourhoods of atoms are described.

    An atom is no neighbour of itself, but its periodic images are; the self term of SNAP is
    kept. Neighbours of n elements have the weights 1/n, 2/n, …, 1 by atomic number.

    Attributes
    ----------
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max.
    elements
        Chemical symbols, by atomic number.
    """

    cutoff_radius: float
    twojmax: int
    elements: tuple[str, ...]

    @property
    def counts(self) -> int:
        """Number of leading features that count the atoms of an element."""
        return len(self.elements)

    @property
    def features(self) -> int:
        """Number of features: a count and a block of components for each element."""
        return len(self.elements) * (1 + n_components(self.twojmax))

    def kinds(self, atoms: Atoms) -> NDArray[np.intp]:
        """Index of each atom's element, or DataError if it has none."""
        unknown = sorted(set(atoms.symbols) - set(self.elements))
        if unknown:
            raise DataError(
                "the potential knows nothing of an element",
                expected=", ".join(self.elements),
                got=", ".join(unknown),
                remedy="fit it to structures that hold all elements",
            )
        return np.array([self.elements.index(symbol) for symbol in atoms.symbols])


def elements_of(structures: Iterable[Atoms]) -> tuple[str, ...]:
    """Chemical symbols that occur, by atomic number."""
    symbols = {str(symbol) for atoms in structures for symbol in atoms.symbols}
    return tuple(sorted(symbols, key=atomic_numbers.__getitem__))


def energy_features(atoms: Atoms, descriptor: AtomDescriptor) -> FloatArray:
    r"""Sums over the atoms of a structure, which its energy is linear in.

    .. math::
        (N_1, \dots, N_e,\; \sum_{i \in 1} \mathbf{B}(\mathbf{R}_i), \dots,
        \sum_{i \in e} \mathbf{B}(\mathbf{R}_i))

    with a number of atoms and a block of bispectrum components for each element. They do not
    change under rotations, translations and permutations of equal atoms, and add up over cells.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    descriptor
        What to describe atoms by.

    Returns
    -------
    array [features]
        Dimensionless, per cell.

    Raises
    ------
    DataError
        If the structure holds another element.
    """
    kinds = descriptor.kinds(atoms)
    values = bispectrum(
        atoms.positions,
        atoms.positions,
        atoms.cell.array,
        cutoff_radius=descriptor.cutoff_radius,
        twojmax=descriptor.twojmax,
        weights=(kinds + 1) / descriptor.counts,
    )
    blocks = np.zeros((descriptor.counts, values.shape[1]))
    np.add.at(blocks, kinds, values)
    counts = np.bincount(kinds, minlength=descriptor.counts)
    return np.concatenate([counts, blocks.ravel()])


def force_features(atoms: Atoms, descriptor: AtomDescriptor) -> FloatArray:
    """Negative derivatives of `energy_features` by the positions: what forces are linear in.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    descriptor
        What to describe atoms by.

    Returns
    -------
    array [3 N, features]
        1/Å; three rows per atom: x, y, z. Those of the numbers of atoms are zero.

    Raises
    ------
    DataError
        If the structure holds another element.
    """
    kinds = descriptor.kinds(atoms)
    jacobian = summed_jacobian(
        atoms.positions,
        atoms.cell.array,
        kinds,
        cutoff_radius=descriptor.cutoff_radius,
        twojmax=descriptor.twojmax,
        weights=(kinds + 1) / descriptor.counts,
    )
    kinds_here, components, number = jacobian.shape[:3]
    blocks = np.zeros((descriptor.counts, components, 3 * number))
    blocks[:kinds_here] = jacobian.reshape(kinds_here, components, 3 * number)
    rows = blocks.reshape(-1, 3 * number).T
    return np.hstack([np.zeros((3 * number, descriptor.counts)), -rows])
