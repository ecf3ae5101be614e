"""SNAP at the atoms themselves, and its derivatives: what atom-centred models learn from."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.adjoint.gradient import add_pulled, checked_gradient
from surrogate_hpo.descriptors.atoms import WeightedAtoms, weighted_atoms
from surrogate_hpo.descriptors.bispectrum import Bispectrum
from surrogate_hpo.descriptors.neighbours import NeighbourBins
from surrogate_hpo.descriptors.tables import kernel_tables
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import check_positive_integer

FloatArray = NDArray[np.float64]
_BLOCK = 256


class AtomBispectrum:
    r"""The SNAP bispectrum at the atoms of one structure, and the chain rule back to them.

    .. math::
        B_t(i) = B_t(\mathbf{R}_i; \mathbf{R}_1 \dots \mathbf{R}_N), \qquad
        R_{ij} = (\rho_i + \rho_j)\, R_\mathrm{cut}

    as :class:`.bispectrum.Bispectrum` at the point :math:`\mathbf{R}_i`, of which atom i is no
    neighbour, but its periodic images are; the self term is kept. Atom j is seen from i up to
    :math:`R_{ij}`. These are the numbers of LAMMPS' ``compute sna/atom`` and of its
    ``pair_style snap`` with rfac0 0.99363, rmin0 0, bzeroflag 0 and switchflag 1.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; periodic in all three.
    cutoff_radius
        R_cut, Å (LAMMPS' rcutfac).
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor ρ_i of each atom, dimensionless, [N]; 0.5 if absent.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.

    References
    ----------
    Thompson et al., J. Comput. Phys. 285, 316 (2015), sections 2.3 and 2.4.
    """

    def __init__(
        self,
        positions: ArrayLike,
        cell: ArrayLike,
        *,
        cutoff_radius: float,
        twojmax: int,
        weights: ArrayLike | None = None,
        radii: ArrayLike | None = None,
    ) -> None:
        self._atoms = weighted_atoms(
            positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
        )
        self._cutoff_radius, self._twojmax = cutoff_radius, int(twojmax)
        self._components = n_components(twojmax)
        self._seen: dict[bytes, tuple[WeightedAtoms, NeighbourBins]] = {}

    def __call__(self, *, threads: int = 1) -> FloatArray:
        """Evaluate the components at every atom.

        Parameters
        ----------
        threads
            Number of threads; the numbers do not depend on it.

        Returns
        -------
        array [N, n_components(twojmax)]
            Dimensionless components in the order of :func:`.triples.triples`.

        Raises
        ------
        ConfigError
            If `threads` is not a positive integer.
        """
        atoms = self._atoms
        values = np.empty((len(atoms.positions), self._components))
        for points, radii in self._centres():
            evaluate = Bispectrum(
                atoms.positions,
                atoms.cell,
                cutoff_radius=self._cutoff_radius,
                twojmax=self._twojmax,
                weights=atoms.weights,
                radii=radii,
            )
            values[points] = evaluate(atoms.positions[points], threads=threads, block=_BLOCK)
        return values

    def adjoint(
        self,
        gradient: ArrayLike,
        *,
        centres: NDArray[np.intp] | None = None,
        threads: int = 1,
    ) -> tuple[FloatArray, FloatArray]:
        r"""Carry dE/dB at the atoms over to their positions and to a strain.

        .. math::
            \frac{\mathrm{d}E}{\mathrm{d}\mathbf{R}_k} = \sum_{i,t}
            \frac{\partial E}{\partial B_t(i)} \frac{\mathrm{d} B_t(i)}{\mathrm{d}\mathbf{R}_k}

        where the point i moves with its atom. Forces are the negative of this, and the stress
        (positive under tension) is the derivative by the strain over the volume.

        Parameters
        ----------
        gradient
            ∂E/∂B, in the unit of E, [N, n_components(twojmax)]; of several energies,
            [M, N, n_components(twojmax)], which costs less than one after the other.
        centres
            Numbers of the atoms that the rows of `gradient` belong to, each once; all, in
            order, if absent.
        threads
            Number of threads; the numbers do not depend on it.

        Returns
        -------
        array [N, 3], array [3, 3]
            dE/dR, in the unit of E per Å, and dE/dε, in the unit of E, for
            :math:`\mathbf{r} \to \mathbf{r}(1+\varepsilon)`; of several energies [M, N, 3] and
            [M, 3, 3].

        Raises
        ------
        ConfigError
            If `threads` is not a positive integer.
        DataError
            If the gradient has the wrong shape, or holds NaN or inf.
        """
        number = len(self._atoms.positions)
        where = np.arange(number) if centres is None else centres
        given = checked_gradient(gradient, len(where), self._components)
        check_positive_integer("threads", threads)
        energies = given if given.ndim == 3 else given[None]
        derivative = np.zeros((len(energies), number, 3))
        strain = np.zeros((len(energies), 3, 3))
        tables = kernel_tables(self._twojmax, "float64")
        for points, radii in self._centres(where):
            rows = np.flatnonzero(points[where])
            add_pulled(
                (derivative, strain),
                self._seen_with(radii),
                tables,
                self._atoms.positions[where[rows]],
                np.take(energies, rows, axis=1),
                threads=threads,
                block=_BLOCK,
                centres=where[rows],
            )
        return (derivative, strain) if given.ndim == 3 else (derivative[0], strain[0])

    def _seen_with(self, radii: FloatArray) -> tuple[WeightedAtoms, NeighbourBins]:
        """The atoms with these radii and their neighbours; listed once for each radius."""
        key = radii.tobytes()
        if key not in self._seen:
            atoms = weighted_atoms(
                self._atoms.positions,
                self._atoms.cell,
                cutoff_radius=self._cutoff_radius,
                weights=self._atoms.weights,
                radii=radii,
            )
            self._seen[key] = atoms, atoms.neighbour_bins()
        return self._seen[key]

    def _centres(
        self, among: NDArray[np.intp] | None = None
    ) -> Iterator[tuple[NDArray[np.bool_], FloatArray]]:
        """For each radius of centres: which atoms have it, and the radii as seen from there."""
        radii = self._atoms.radii
        for radius in np.unique(radii if among is None else radii[among]):
            yield radii == radius, (radii + radius) / 2


def atom_bispectrum(
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    threads: int = 1,
) -> FloatArray:
    """Compute the SNAP bispectrum at every atom, see :class:`AtomBispectrum`.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max.
    weights
        w_i of each atom, [N]; 1 if absent.
    radii
        Radius factor of each atom, [N]; 0.5 if absent.
    threads
        Number of threads.

    Returns
    -------
    array [N, n_components(twojmax)]
        Dimensionless components in the order of :func:`.triples.triples`.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    """
    evaluate = AtomBispectrum(
        positions,
        cell,
        cutoff_radius=cutoff_radius,
        twojmax=twojmax,
        weights=weights,
        radii=radii,
    )
    return evaluate(threads=threads)
