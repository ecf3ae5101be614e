"""How sums of the bispectrum over the atoms themselves change when the atoms move."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.adjoint.kernel import adjoint_kernel, adjoint_scratch
from surrogate_hpo.descriptors.adjoint.tables import adjoint_tables
from surrogate_hpo.descriptors.atoms import weighted_atoms
from surrogate_hpo.descriptors.triples import n_components


def summed_jacobian(
    positions: ArrayLike,
    cell: ArrayLike,
    kinds: NDArray[np.intp],
    *,
    cutoff_radius: float,
    twojmax: int,
    weights: ArrayLike | None = None,
    radii: ArrayLike | None = None,
) -> NDArray[np.float64]:
    r"""Derivative of the components' sums over the atoms of a kind by all positions.

    .. math::
        J_{etk} = \sum_{i \in e} \frac{\partial B_t(\mathbf{R}_i; \mathbf{R}_1 \dots \mathbf{R}_N)}
                                      {\partial \mathbf{R}_k}

    where the point moves with its atom: a shift of all atoms changes nothing, so that what i
    adds to its own derivative is what its neighbours leave over. Atom by atom, so that memory
    grows with N and time with N times the neighbours.

    Parameters
    ----------
    positions
        Cartesian positions of the atoms, Å, [N, 3]; inside the cell or not.
    cell
        Cell vectors as rows, Å, [3, 3].
    kinds
        Kind of each atom, [N]: 0 to K - 1.
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max, twice the largest angular momentum.
    weights
        w_i of each atom, dimensionless, [N]; 1 if absent.
    radii
        Radius factor of each atom, dimensionless, [N]; 0.5 if absent.

    Returns
    -------
    array [K, n_components(twojmax), N, 3]
        1/Å: kind of the points, component, atom that moves, direction.

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
    tables, bins = adjoint_tables(int(twojmax)), atoms.neighbour_bins()
    scratch = adjoint_scratch(tables, count, bins.max_candidates)
    given, unused = np.eye(count), np.zeros((1, 3, 3))
    jacobian = np.zeros((int(kinds.max(initial=-1)) + 1, count, number, 3))
    for index, kind in enumerate(kinds):
        point, rows = atoms.positions[index : index + 1], np.zeros((count, number, 3))
        for component, out in enumerate(rows):
            unit = given[None, component : component + 1]
            adjoint_kernel(
                point, unit, bins, atoms.cutoffs, atoms.weights, tables, scratch, out[None], unused
            )
        # So far the point stood still; an atom's own images never move against it.
        rows[:, index] -= rows.sum(axis=1)
        jacobian[kind] += rows
    return jacobian
