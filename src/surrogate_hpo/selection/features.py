"""Structures as sets of descriptors: one row per atom, or per sampled point of the grid."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError
from surrogate_hpo.potential.features import AtomDescriptor

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


@dataclass(frozen=True)
class Features:
    """Descriptors of the sites of structures.

    Attributes
    ----------
    rows
        One per site, those of a structure one after the other, dimensionless, [sites, columns].
    starts
        First row of each structure, [structures].
    """

    rows: FloatArray
    starts: IndexArray

    @classmethod
    def of(cls, blocks: Iterable[FloatArray]) -> Self:
        """Gather the sites of structures.

        Parameters
        ----------
        blocks
            [sites, columns] of each structure.

        Returns
        -------
        Features
            In the order of the structures.

        Raises
        ------
        DataError
            If there is no structure, one has no site, widths differ, or numbers are not finite.
        """
        given = [np.asarray(block, np.float64) for block in blocks]
        widths = {block.shape[1:] for block in given}
        if len(widths) != 1 or any(block.ndim != 2 or not len(block) for block in given):
            raise DataError(
                "descriptors of structures do not fit together",
                expected="one structure or more, each [sites, columns] with a site or more",
                got=", ".join(str(list(block.shape)) for block in given[:5]) or "no structure",
            )
        rows = np.concatenate(given)
        if not np.isfinite(rows).all():
            raise DataError(
                "descriptors of structures are not finite numbers",
                expected="numbers",
                got="NaN or infinity",
                remedy="leave out the structure that they are of",
            )
        return cls(rows, np.cumsum([0, *(len(block) for block in given[:-1])]))

    def __len__(self) -> int:
        """Number of structures."""
        return len(self.starts)

    @property
    def counts(self) -> IndexArray:
        """Number of sites of each structure, [structures]."""
        return np.diff(self.starts, append=len(self.rows))

    @property
    def means(self) -> FloatArray:
        """Mean over the sites of each structure, [structures, columns]."""
        return self.mean_of(self.rows)

    def mean_of(self, values: FloatArray) -> FloatArray:
        """Mean over the sites of each structure of something known of every site.

        Parameters
        ----------
        values
            [sites] or [sites, columns].

        Returns
        -------
        array [structures] or [structures, columns]
            In the unit of the values.
        """
        counts = self.counts.reshape(-1, *(1 for _ in values.shape[1:]))
        return np.asarray(np.add.reduceat(values, self.starts, axis=0) / counts)

    @property
    def sums(self) -> FloatArray:
        """Sum over the sites of each structure, [structures, columns]."""
        return np.asarray(np.add.reduceat(self.rows, self.starts, axis=0))

    def largest_of(self, values: FloatArray) -> FloatArray:
        """Largest over the sites of each structure, [structures], of values [sites]."""
        return np.asarray(np.maximum.reduceat(values, self.starts))

    def sites(self, structures: Sequence[int] | IndexArray) -> IndexArray:
        """Rows of some structures, in their order."""
        counts = self.counts
        ranges = [np.arange(self.starts[s], self.starts[s] + counts[s]) for s in structures]
        return np.concatenate(ranges) if ranges else np.empty(0, np.intp)

    def part(self, structures: Sequence[int] | IndexArray) -> "Features":
        """Some of the structures, in the order given."""
        counts = self.counts[np.asarray(structures, np.intp)]
        return Features(self.rows[self.sites(structures)], np.cumsum([0, *counts[:-1]]))


def describe(structures: Sequence[Atoms], descriptor: AtomDescriptor, threads: int = 1) -> Features:
    """Describe the atoms of structures.

    A row holds a one for the element of the atom, and its bispectrum in the columns of this
    element, so that the sum over the rows is what the energy of a linear SNAP potential is linear
    in.

    Parameters
    ----------
    structures
        Periodic structures, Å.
    descriptor
        What to describe atoms by.
    threads
        CPU threads.

    Returns
    -------
    Features
        In the order of the structures.

    Raises
    ------
    DataError
        If a structure holds an element that the descriptor does not know.
    """
    return Features.of(_rows(atoms, descriptor, threads) for atoms in structures)


def _rows(atoms: Atoms, descriptor: AtomDescriptor, threads: int) -> FloatArray:
    kinds, number = descriptor.kinds(atoms), len(atoms)
    counts = np.zeros((number, descriptor.counts))
    blocks = np.zeros((number, descriptor.counts, descriptor.components))
    counts[np.arange(number), kinds] = 1.0
    blocks[np.arange(number), kinds] = descriptor.bispectrum(atoms)(threads=threads)
    return np.column_stack([counts, blocks.reshape(number, -1)])
