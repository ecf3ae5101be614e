"""Components that describe the whole cell: what no local descriptor can know."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.atom_centred import AtomBispectrum
from surrogate_hpo.descriptors.bispectrum import bispectrum
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.triples import n_components

FloatArray = NDArray[np.float64]


def cell_density(cell: ArrayLike, *, cutoff_radius: float, weights: ArrayLike) -> float:
    r"""Sum of the weights of the atoms that a sphere of the cutoff's size holds on average.

    .. math:: \varrho = \frac{4\pi}{3} R_\mathrm{cut}^3 \, \frac{1}{\Omega} \sum_i w_i

    Energies of a periodic cell count from its mean potential, which all points share: an expanded
    cell shifts the LDOS everywhere, while a region that is thin by chance does not. Descriptors of
    the neighbourhood cannot tell the two apart. A strain changes it by
    :math:`\partial\varrho/\partial\varepsilon_{ab} = -\varrho\,\delta_{ab}`.

    Parameters
    ----------
    cell
        Cell vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    weights
        w_i of each atom, dimensionless, [N].

    Returns
    -------
    float
        Dimensionless.
    """
    volume = abs(np.linalg.det(np.asarray(cell, np.float64)))
    return float(4 / 3 * np.pi * cutoff_radius**3 * np.sum(weights) / volume)


class CellComponents:
    r"""The components of one structure that are the same at all of its points.

    The density of the cell, and the mean over the N atoms of the bispectrum at the atoms,

    .. math:: \bar B_t = \frac{1}{N} \sum_i B_t(i), \qquad t \text{ up to } 2 J_\mathrm{cell},

    as far as the definition asks for them. The former tells how the mean potential changes with the
    volume, the latter how it changes with the order of the atoms.

    Parameters
    ----------
    definition
        The descriptor.
    positions
        Of the atoms, Å, [N, 3].
    cell
        Cell vectors as rows, Å, [3, 3].
    symbols
        Element of each atom.
    threads
        Number of threads; the numbers do not depend on it.
    """

    def __init__(
        self,
        definition: DescriptorDefinition,
        positions: FloatArray,
        cell: FloatArray,
        symbols: list[str],
        *,
        threads: int = 1,
    ) -> None:
        self._threads, self._atoms = threads, len(symbols)
        self._of_snap = n_components(definition.twojmax)
        self._wanted = definition.components > self._of_snap
        keywords = definition.keywords(symbols)
        self._density: list[float] = []
        if definition.cell_density:
            cutoff, weights = definition.cutoff_radius, keywords["weights"]
            self._density = [cell_density(cell, cutoff_radius=cutoff, weights=weights)]
        self._at_atoms: AtomBispectrum | None = None
        if definition.cell_mean_twojmax is not None:
            keywords["twojmax"] = definition.cell_mean_twojmax
            self._at_atoms = AtomBispectrum(positions, cell, **keywords)

    @cached_property
    def _values(self) -> FloatArray:
        """Computed where they are asked for: the adjoint needs no means."""
        if self._at_atoms is None:
            return np.array(self._density)
        return np.array([*self._density, *self._at_atoms(threads=self._threads).mean(0)])

    def behind(self, components: NDArray[np.floating]) -> NDArray[np.floating]:
        """Put them behind the components of SNAP.

        Parameters
        ----------
        components
            Shape (points, n_components(twojmax)).

        Returns
        -------
        array
            Shape (points, components of the definition), of the same type.
        """
        if not self._wanted:
            return components
        own = np.broadcast_to(
            self._values.astype(components.dtype), (len(components), len(self._values))
        )
        return np.hstack([components, own])

    def split(self, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Take derivatives of energies by components of SNAP and of the cell apart.

        Parameters
        ----------
        slopes
            By all components, shape (energies, points, components of the definition).

        Returns
        -------
        array, array
            Those by the components of SNAP, and the sums over the points of those by the
            components of the cell, shape (energies, components of the cell).
        """
        if not self._wanted:
            return slopes, np.zeros((len(slopes), 0))
        parted = np.split(slopes, [self._of_snap], axis=2)
        return np.ascontiguousarray(parted[0]), parted[1].sum(1)

    def adjoint(self, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Carry derivatives of energies by the components of the cell over to the atoms.

        Parameters
        ----------
        slopes
            Sums over all points, shape (energies, components of the cell), in the unit of the
            energies.

        Returns
        -------
        array, array
            By the positions, in that unit per Å, shape (energies, atoms, 3), and by the strain, in
            that unit, shape (energies, 3, 3).
        """
        positions = np.zeros((len(slopes), self._atoms, 3))
        strain = np.zeros((len(slopes), 3, 3))
        for density in self._density:
            strain -= density * slopes[:, :1, None] * np.eye(3)
        if self._at_atoms is not None:
            of_means = slopes[:, None, len(self._density) :] / self._atoms
            gradient = np.repeat(of_means, self._atoms, axis=1)
            moved, stretched = self._at_atoms.adjoint(gradient, threads=self._threads)
            positions += moved
            strain += stretched
        return positions, strain


def components_at(
    points: FloatArray,
    definition: DescriptorDefinition,
    positions: FloatArray,
    cell: FloatArray,
    symbols: list[str],
    *,
    threads: int = 1,
) -> FloatArray:
    """All components of a definition at some points: SNAP, and behind it those of the cell.

    Parameters
    ----------
    points
        Å, [points, 3].
    definition
        The descriptor.
    positions
        Of the atoms, Å, [N, 3].
    cell
        Cell vectors as rows, Å, [3, 3].
    symbols
        Element of each atom.
    threads
        Number of threads; the numbers do not depend on it.

    Returns
    -------
    array [points, components of the definition]
        Dimensionless.
    """
    snap = bispectrum(points, positions, cell, threads=threads, **definition.keywords(symbols))
    of_cell = CellComponents(definition, positions, cell, symbols, threads=threads)
    return np.asarray(of_cell.behind(snap), np.float64)
