"""What a linear SNAP potential knows of a structure: sums of the bispectrum over its atoms."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from surrogate_hpo.descriptors.adjoint.atom_jacobian import summed_jacobian
from surrogate_hpo.descriptors.atom_centred import AtomBispectrum
from surrogate_hpo.descriptors.elements import DEFAULT_RADIUS
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AtomDescriptor:
    """How the neighbourhoods of atoms are described.

    An atom is no neighbour of itself, but its periodic images are; the self term of SNAP is
    kept.

    Attributes
    ----------
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max.
    elements
        Chemical symbols, by atomic number.
    weights
        Of neighbours of each element, dimensionless; if empty, 1/n, 2/n, …, 1 of n elements.
    radii
        Radius factor of each element, dimensionless; if empty, 0.5. Elements a and b see each
        other up to (ρ_a + ρ_b)·R_cut.
    """

    cutoff_radius: float
    twojmax: int
    elements: tuple[str, ...]
    weights: tuple[float, ...] = ()
    radii: tuple[float, ...] = ()

    @property
    def counts(self) -> int:
        """Number of leading features that count the atoms of an element."""
        return len(self.elements)

    @property
    def features(self) -> int:
        """Number of features: a count and a block of components for each element."""
        return len(self.elements) * (1 + self.components)

    @property
    def components(self) -> int:
        """Number of bispectrum components at an atom."""
        return n_components(self.twojmax)

    @property
    def element_weights(self) -> FloatArray:
        """Weight of each element, [elements]."""
        return np.array(self.weights or [(i + 1) / self.counts for i in range(self.counts)])

    @property
    def element_radii(self) -> FloatArray:
        """Radius factor of each element, [elements]."""
        return np.array(self.radii or [DEFAULT_RADIUS] * self.counts)

    def bispectrum(self, atoms: Atoms) -> AtomBispectrum:
        """The descriptors of a structure; DataError if it holds another element."""
        kinds = self.kinds(atoms)
        return AtomBispectrum(
            atoms.positions,
            atoms.cell.array,
            cutoff_radius=self.cutoff_radius,
            twojmax=self.twojmax,
            weights=self.element_weights[kinds],
            radii=self.element_radii[kinds],
        )

    def kinds(self, atoms: Atoms, where: str | None = None) -> NDArray[np.intp]:
        """Index of each atom's element, or DataError, naming the structure, if it has none."""
        unknown = sorted(set(atoms.symbols) - set(self.elements))
        if unknown:
            raise DataError(
                "the potential knows nothing of an element",
                where=where,
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
    values = descriptor.bispectrum(atoms)()
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
    return derivative_features(atoms, descriptor)[0]


def derivative_features(atoms: Atoms, descriptor: AtomDescriptor) -> tuple[FloatArray, FloatArray]:
    r"""What forces and stress are linear in.

    .. math::
        -\frac{\mathrm{d}\mathbf{x}}{\mathrm{d}\mathbf{R}_k}, \qquad
        \frac{1}{V} \frac{\mathrm{d}\mathbf{x}}{\mathrm{d}\varepsilon_{ab}}

    of the `energy_features` x.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    descriptor
        What to describe atoms by.

    Returns
    -------
    array [3 N, features], array [9, features]
        1/Å, three rows per atom; and 1/Å³, rows xx, xy, …, zz, positive under tension.

    Raises
    ------
    DataError
        If the structure holds another element.
    """
    kinds = descriptor.kinds(atoms)
    jacobian, strain = summed_jacobian(descriptor.bispectrum(atoms), kinds, descriptor.components)
    forces = _with_all_kinds(-jacobian.reshape(*jacobian.shape[:2], -1), descriptor)
    stress = _with_all_kinds(strain.reshape(*strain.shape[:2], -1), descriptor)
    return forces, stress / abs(float(atoms.get_volume()))


def _with_all_kinds(blocks: FloatArray, descriptor: AtomDescriptor) -> FloatArray:
    """Rows with a column for every feature, from [kind, component, row]."""
    kinds, components, rows = blocks.shape
    columns = np.zeros((descriptor.counts * (1 + components), rows))
    begin = descriptor.counts
    columns[begin : begin + kinds * components] = blocks.reshape(-1, rows)
    return columns.T
