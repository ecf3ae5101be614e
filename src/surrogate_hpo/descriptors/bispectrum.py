"""SNAP bispectrum components at arbitrary points of a periodic cell."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from surrogate_hpo.descriptors.atoms import weighted_atoms
from surrogate_hpo.descriptors.kernel import bispectrum_kernel, kernel_scratch
from surrogate_hpo.descriptors.tables import kernel_tables
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import (
    check_positive_integer,
    checked_dtype,
    checked_vectors,
)


class Bispectrum:
    r"""The SNAP bispectrum of one structure, ready to be evaluated at any points.

    .. math::
        B_{j_1 j_2 j} = (j + 1) \int_{S^3} f_{j_1} f_{j_2} f_j \,\mathrm{d}\Omega, \qquad
        f_j(q) = U_j(q_0) + \sum_i w_i f_c(r_i / R_i)\, U_j(q_i \cdot q)

    with Chebyshev polynomials :math:`U_j`, doubled j, the mean over the 3-sphere, and
    :math:`q_i` = (cos θ, sin θ · r/r), θ = 0.99363 π r/R, f_c(x) = (cos πx + 1)/2. These are
    the numbers of LAMMPS' ``compute sna/grid`` with rfac0 0.99363, rmin0 0, bzeroflag 0 and
    switchflag 1. An atom within 1e-10 Å of a point is not a neighbour of it, as in LAMMPS.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3]; periodic in all three, any shape and handedness.
    cutoff_radius
        R_cut, Å (LAMMPS' rcutfac when all radii are 0.5).
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]: the atom is seen up to
        R_i = 2·radius·cutoff_radius (LAMMPS' radelem); 0.5 if absent.
    dtype
        float64, or float32: faster, with an error below 1e-6 of a component's
        largest value. Neighbours are summed in float64 either way.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.

    References
    ----------
    Thompson et al., J. Comput. Phys. 285, 316 (2015), eqs. 5–9; Bartók et al., Phys. Rev. B
    87, 184115 (2013), for the invariants on the 3-sphere.
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
        dtype: DTypeLike = np.float64,
    ) -> None:
        self._atoms = weighted_atoms(
            positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
        )
        self._dtype = checked_dtype(dtype)
        self._components = n_components(twojmax)
        self._tables = kernel_tables(int(twojmax), self._dtype.name)
        self._bins = self._atoms.neighbour_bins()

    def __call__(self, points: ArrayLike, *, threads: int = 1, block: int = 4096) -> NDArray[Any]:
        """Evaluate the components at some points.

        Parameters
        ----------
        points
            Cartesian coordinates, Å, [P, 3]; inside the cell or not.
        threads
            Number of threads; the numbers do not depend on it.
        block
            Points handed to a thread at a time; the numbers do not depend on it.

        Returns
        -------
        array [P, n_components(twojmax)]
            Dimensionless components in the order of :func:`.triples.triples`.

        Raises
        ------
        ConfigError
            If `threads` or `block` is not a positive integer.
        DataError
            If the points have the wrong shape, or hold NaN or inf.
        """
        where = checked_vectors("points", points)
        check_positive_integer("threads", threads)
        check_positive_integer("block", block)
        out = np.empty((len(where), self._components), self._dtype)

        def fill(begin: int) -> None:
            part = slice(begin, begin + block)
            scratch = kernel_scratch(self._tables, self._bins.max_candidates, self._dtype)
            bispectrum_kernel(
                where[part],
                self._bins,
                self._atoms.cutoffs,
                self._atoms.weights,
                self._tables,
                scratch,
                out[part],
            )

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, range(0, len(where), block)))
        return out


def bispectrum(
    points: ArrayLike,
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    dtype: DTypeLike = np.float64,
    threads: int = 1,
    block: int = 4096,
) -> NDArray[Any]:
    """Compute the SNAP bispectrum of the atoms around each point, see :class:`Bispectrum`.

    Parameters
    ----------
    points
        Cartesian coordinates, Å, [P, 3]; inside the cell or not.
    positions
        Cartesian positions of the atoms, Å, [N, 3].
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
    dtype
        float64 or float32.
    threads
        Number of threads.
    block
        Points handed to a thread at a time.

    Returns
    -------
    array [P, n_components(twojmax)]
        Dimensionless components in the order of :func:`.triples.triples`.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    """
    evaluate = Bispectrum(
        positions,
        cell,
        cutoff_radius=cutoff_radius,
        twojmax=twojmax,
        weights=weights,
        radii=radii,
        dtype=dtype,
    )
    return evaluate(points, threads=threads, block=block)
