"""How the bispectrum at the atoms themselves changes when the atoms move."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.adjoint_kernel import adjoint_kernel, adjoint_scratch
from surrogate_hpo.descriptors.adjoint_tables import adjoint_tables
from surrogate_hpo.descriptors.atoms import weighted_atoms
from surrogate_hpo.descriptors.triples import n_components
from surrogate_hpo.descriptors.validation import check_positive_integer


def jacobian_at_atoms(
    positions: ArrayLike,
    cell: ArrayLike,
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
    threads: int = 1,
) -> NDArray[np.float64]:
    r"""Derivative of the components at every atom by the positions of all atoms.

    .. math::
        J_{itk} = \frac{\partial B_t(\mathbf{R}_i; \mathbf{R}_1 \dots \mathbf{R}_N)}
                       {\partial \mathbf{R}_k}

    where the point moves with its atom: a shift of all atoms changes nothing, so that
    :math:`J_{iti}` is what the neighbours of i leave over.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.
    threads
        Number of threads; the numbers do not depend on it.

    Returns
    -------
    array [N, n_components(twojmax), N, 3]
        1/Å: atom of the point, component, atom that moves, direction.

    Raises
    ------
    ConfigError
        If a setting has no meaning, or the cutoff would reach more than 100 000 atoms.
    DataError
        If an array has the wrong shape, holds NaN or inf, or the cell has no volume.
    """
    atoms = weighted_atoms(
        positions, cell, cutoff_radius=cutoff_radius, weights=weights, radii=radii
    )
    count, number = n_components(twojmax), len(atoms.positions)
    check_positive_integer("threads", threads)
    tables, bins = adjoint_tables(int(twojmax)), atoms.neighbour_bins()
    given = np.eye(count)
    jacobian = np.zeros((number, count, number, 3))

    def of_atom(index: int) -> None:
        scratch = adjoint_scratch(tables, count, bins.max_candidates)
        point, rows = atoms.positions[index : index + 1], jacobian[index]
        for component, out in enumerate(rows):
            unit = given[component : component + 1]
            adjoint_kernel(point, unit, bins, atoms.cutoffs, atoms.weights, tables, scratch, out)
        # So far the point stood still; an atom's own images never move against it.
        rows[:, index] -= rows.sum(axis=1)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(of_atom, range(number)))
    return jacobian
