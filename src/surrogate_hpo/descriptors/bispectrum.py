"""SNAP bispectrum components at arbitrary points of a periodic cell."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from surrogate_hpo.descriptors.kernel import Kernel, bispectrum_kernel, kernel_scratch
from surrogate_hpo.descriptors.neighbours import neighbour_bins
from surrogate_hpo.descriptors.tables import kernel_tables
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import (
    check_positive_integer,
    checked_cell,
    checked_cutoffs,
    checked_dtype,
    checked_vectors,
    checked_weights,
)


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
    kernel: Kernel = bispectrum_kernel,
) -> NDArray[Any]:
    r"""Compute the SNAP bispectrum of the atoms around each point.

    .. math::
        B_{j_1 j_2 j} = (j + 1) \int_{S^3} f_{j_1} f_{j_2} f_j \,\mathrm{d}\Omega, \qquad
        f_j(q) = U_j(q_0) + \sum_i w_i f_c(r_i / R_i)\, U_j(q_i \cdot q)

    with Chebyshev polynomials :math:`U_j`, doubled j, the mean over the 3-sphere, and
    :math:`q_i` = (cos θ, sin θ · r/r), θ = 0.99363 π r/R, f_c(x) = (cos πx + 1)/2. These are
    the numbers of LAMMPS' ``compute sna/grid`` with rfac0 0.99363, rmin0 0, bzeroflag 0 and
    switchflag 1. An atom within 1e-10 Å of a point is not a neighbour of it, as in LAMMPS.

    Parameters
    ----------
    points
        Cartesian coordinates, Å, [P, 3]; inside the cell or not.
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
    threads
        Number of threads; the numbers do not depend on it.
    block
        Points handed to a thread at a time; the numbers do not depend on it.
    kernel
        Numba's, or that of :func:`surrogate_hpo.io.compiled_kernel.load_compiled_kernel`.

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

    References
    ----------
    Thompson et al., J. Comput. Phys. 285, 316 (2015), eqs. 5–9; Bartók et al., Phys. Rev. B
    87, 184115 (2013), for the invariants on the 3-sphere.
    """
    lattice = checked_cell(cell)
    where = checked_vectors("points", points)
    atoms = checked_vectors("positions", positions)
    cutoffs = checked_cutoffs(cutoff_radius, radii, len(atoms), abs(np.linalg.det(lattice)))
    strengths = checked_weights("weights", weights, len(atoms))
    kind = checked_dtype(dtype)
    out = np.empty((len(where), n_components(twojmax)), kind)
    check_positive_integer("threads", threads)
    check_positive_integer("block", block)
    tables = kernel_tables(int(twojmax), kind.name)
    bins = neighbour_bins(atoms, lattice, cutoff_radius=float(cutoffs.max(initial=0.0)) or 1.0)

    def fill(begin: int) -> None:
        part = slice(begin, begin + block)
        scratch = kernel_scratch(tables, bins.max_candidates, kind)
        kernel(where[part], bins, cutoffs, strengths, tables, scratch, out[part])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(where), block)))
    return out
