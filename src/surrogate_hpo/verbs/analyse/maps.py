"""What is looked at of a predicted density: planes, a profile, atoms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.predicted_fields import DensityData
from surrogate_hpo.files.tables import Cell
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.report.table import FigureTable, number_column

FloatArray = NDArray[np.float64]
DENSITY, SPREAD = "density_per_cubic_angstrom", "density_std_per_cubic_angstrom"
_UNIT = "1/Å³"
_PLANES_POINTS = 2**20


def slice_table(data: DensityData, axis: int, fraction: float) -> FigureTable:
    """Density, and its spread where it is known, on the grid plane nearest to a place.

    Parameters
    ----------
    data
        The density.
    axis
        Number of the cell vector that leads from plane to plane.
    fraction
        Place along it, in units of the cell vector; periodic.

    Returns
    -------
    FigureTable
        A row per point: `u_angstrom` along the first of the other two cell vectors, `v_angstrom`
        perpendicular to it in the plane, the density, its standard deviation over the networks.
    """
    plane = round(fraction * data.values.shape[axis]) % data.values.shape[axis]
    first, second = (data.cell[other] for other in range(3) if other != axis)
    along = first / np.linalg.norm(first)
    height = float(np.linalg.norm(second - (second @ along) * along))
    values = np.take(data.values, plane, axis=axis)
    i, j = np.indices(values.shape) / np.array(values.shape)[:, None, None]
    columns = [
        number_column(
            "u_angstrom", "u", "Å", (i * np.linalg.norm(first) + j * (second @ along)).ravel()
        ),
        number_column("v_angstrom", "v", "Å", (j * height).ravel()),
        number_column(DENSITY, "density", _UNIT, values.ravel()),
    ]
    if data.deviation is not None:
        spread = np.take(data.deviation, plane, axis=axis).ravel()
        columns.append(number_column(SPREAD, "std over networks", _UNIT, spread))
    return FigureTable(tuple(columns))


def profile_table(data: DensityData, axis: int) -> FigureTable:
    """Mean over the planes along a cell vector.

    Parameters
    ----------
    data
        The density.
    axis
        Number of the cell vector.

    Returns
    -------
    FigureTable
        A row per plane: `height_angstrom` above the first plane, perpendicular to them, mean
        density, mean and largest spread.
    """
    others = tuple(other for other in range(3) if other != axis)
    planes = data.values.shape[axis]
    spacing = 1 / float(np.linalg.norm(np.linalg.inv(data.cell)[:, axis])) / planes
    columns = [
        number_column("height_angstrom", "height", "Å", spacing * np.arange(planes)),
        number_column(DENSITY, "mean density", _UNIT, data.values.mean(axis=others)),
    ]
    if data.deviation is not None:
        columns += [
            number_column(
                SPREAD, "mean std over networks", _UNIT, data.deviation.mean(axis=others)
            ),
            number_column(f"largest_{SPREAD}", "largest", _UNIT, data.deviation.max(axis=others)),
        ]
    return FigureTable(tuple(columns))


def atom_rows(data: DensityData, atoms: Atoms, *, width: float) -> list[dict[str, Cell]]:
    """Electrons of each atom, and the integral of the density's spread around it.

    Parameters
    ----------
    data
        The density.
    atoms
        The structure.
    width
        Of the weights that share space among the atoms, Å.

    Returns
    -------
    list of dict
        A row per atom; `electrons_std` is the integral of the spread, which bounds the spread of
        the electrons; None where it is not known.
    """
    fields = [data.values.reshape(-1)]
    if data.deviation is not None:
        fields.append(data.deviation.reshape(-1))
    x, y, z = data.values.shape
    sums = AtomSums((x, y, z), atoms.positions, data.cell, width=width)
    shared = np.zeros((len(atoms), len(fields)))
    for first in range(0, len(fields[0]), _PLANES_POINTS):
        shared += sums(
            np.stack([field[first : first + _PLANES_POINTS] for field in fields], axis=1), first
        )
    shared *= sums.volume_element
    return [
        {
            "atom": number,
            "element": atom.symbol,
            **dict(zip(("x_angstrom", "y_angstrom", "z_angstrom"), map(float, place), strict=True)),
            "electrons": float(own[0]),
            "electrons_std": float(own[1]) if len(own) > 1 else None,
        }
        for number, (atom, place, own) in enumerate(
            zip(atoms, atoms.positions, shared, strict=True)
        )
    ]


def dos_table(
    energy: FloatArray, dos: FloatArray, atoms: Atoms, chosen: Sequence[int]
) -> FigureTable:
    """Densities of states projected on atoms: the mean of each element, and single atoms.

    Parameters
    ----------
    energy
        eV, [E].
    dos
        1/eV, [atom, E].
    atoms
        The structure.
    chosen
        Numbers of the atoms that get a column of their own.

    Returns
    -------
    FigureTable
        A row per energy.
    """
    symbols = np.array(atoms.get_chemical_symbols())
    curves: dict[str, Any] = {
        f"{symbol}_mean": dos[symbols == symbol].mean(axis=0) for symbol in sorted(set(symbols))
    } | {f"atom_{number}": dos[number] for number in chosen}
    return FigureTable(
        (
            number_column("energy_ev", "energy", "eV", energy),
            *(
                number_column(f"{name}_per_ev", name.replace("_", " "), "1/eV", values)
                for name, values in curves.items()
            ),
        )
    )
