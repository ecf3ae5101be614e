"""The text that LAMMPS reads: a cell with atoms, and commands that write the bispectrum."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.descriptors.geometry import ANGLE_FACTOR

ATOMS, COMPONENTS = "atoms.data", "components.txt"
# Ghost atoms reach this much (relative) beyond the cutoff, so that rounding in LAMMPS'
# geometry cannot lose a neighbour; the compute makes the exact test.
_SLACK = 1e-9


def atom_types(
    weights: NDArray[np.float64], radii: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Group atoms of equal weight and radius, as LAMMPS' atom types.

    Parameters
    ----------
    weights
        Weight of each atom, dimensionless, [N].
    radii
        Radius factor of each atom, dimensionless, [N].

    Returns
    -------
    array [types, 2], array [N]
        Weight and radius of each type, at least one; and the type of each atom, from 1.
    """
    if len(weights) == 0:
        return np.array([[1.0, 0.5]]), np.empty(0, np.int64)
    types, inverse = np.unique(np.column_stack([weights, radii]), axis=0, return_inverse=True)
    return types, inverse.reshape(-1) + 1


def data_file(
    positions: NDArray[np.float64],
    types: NDArray[np.int64],
    n_types: int,
    frame: NDArray[np.float64],
) -> str:
    """Write cell and atoms as a LAMMPS data file.

    Parameters
    ----------
    positions
        Positions inside the cell, Å, [N, 3].
    types
        Type of each atom, from 1, [N].
    n_types
        Number of types.
    frame
        Lower triangular cell, vectors as rows, Å, [3, 3].

    Returns
    -------
    str
        The file.
    """
    atoms = [
        f"{number} {kind} {_words(where)}"
        for number, (kind, where) in enumerate(zip(types, positions, strict=True), start=1)
    ]
    lines = [
        "# atoms around a grid of points",
        "",
        f"{len(atoms)} atoms",
        f"{n_types} atom types",
        *(f"0 {frame[k, k]:.17g} {axis}lo {axis}hi" for k, axis in enumerate("xyz")),
        f"{_words([frame[1, 0], frame[2, 0], frame[2, 1]])} xy xz yz",
        "",
        *(["Atoms # atomic", "", *atoms] if atoms else []),
    ]
    return "\n".join([*lines, ""])


def input_script(
    grid: NDArray[np.int64],
    corners: NDArray[np.float64],
    frame: NDArray[np.float64],
    *,
    cutoff_radius: float,
    twojmax: int,
    types: NDArray[np.float64],
) -> str:
    """Write commands that put the cell at each corner and write a grid's rows from there.

    Moving the cell's edges leaves the atoms' coordinates alone, so that no error adds up.

    Parameters
    ----------
    grid
        Number of points along each cell vector, [3].
    corners
        Places of the first grid point, one after the other, Å, [moves, 3].
    frame
        Lower triangular cell, vectors as rows, Å, [3, 3].
    cutoff_radius
        R_cut, Å.
    twojmax
        2·J_max.
    types
        Weight and radius of each atom type, [types, 2].

    Returns
    -------
    str
        The script; it appends rows of three indices and all components to a table.
    """
    weights, radii = types.T
    reach = 2 * cutoff_radius * radii.max() * (1 + _SLACK)
    commands = [
        "units metal",
        "box tilt large",
        f"read_data {ATOMS}",
        "mass * 1.0",
        # The compute needs a pair style to get its ghost atoms, but no neighbour list.
        f"pair_style zero {reach:.17g} nocoeff",
        "pair_coeff * *",
        "neighbor 0.0 bin",
        "neigh_modify exclude group all all",
        f"comm_modify cutoff {reach:.17g}",
        f"compute snap all sna/grid/local grid {' '.join(map(str, grid))} {cutoff_radius:.17g} "
        f"{ANGLE_FACTOR} {twojmax} {_words(radii)} {_words(weights)} "
        "rmin0 0 bzeroflag 0 quadraticflag 0 switchflag 1",
        "thermo_style custom step",
    ]
    for low, high in zip(corners, corners + np.diag(frame), strict=True):
        sides = zip("xyz", low, high, strict=True)
        commands += [
            "change_box all "
            + " ".join(f"{axis} final {_words([a, b])}" for axis, a, b in sides)
            + " units box",
            # Columns 1–3 are the indices on the grid, 4–6 the coordinates.
            f"dump rows all local 1 {COMPONENTS} c_snap[1*3] c_snap[7*]",
            "dump_modify rows format float %.17g header no append yes",
            "run 0 post no",
            "undump rows",
        ]
    return "\n".join([*commands, ""])


def _words(numbers: ArrayLike) -> str:
    return " ".join(f"{number:.17g}" for number in np.ravel(numbers))
