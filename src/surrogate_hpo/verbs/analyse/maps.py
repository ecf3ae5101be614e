"""Tables of what was gathered of a predicted density: planes, profile, atoms, parts, surfaces."""

from collections.abc import Mapping

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.files.tables import Cell
from surrogate_hpo.physics.space.averages import macroscopic_average
from surrogate_hpo.physics.space.isosurface import Surface
from surrogate_hpo.physics.space.lattice_plane import LatticePlane, in_plane
from surrogate_hpo.report.table import FigureTable, number_column
from surrogate_hpo.verbs.analyse.cuts import GridPlane, PartIntegrals, Profile
from surrogate_hpo.verbs.analyse.parts import Parts

FloatArray = NDArray[np.float64]
DENSITY, SPREAD = "density_per_cubic_angstrom", "density_std_per_cubic_angstrom"
MACROSCOPIC, LARGEST = f"macroscopic_{DENSITY}", f"largest_{SPREAD}"
EXCESS = "largest_excess_standard_deviations"
_UNIT = "1/Å³"


def slice_table(plane: GridPlane | LatticePlane) -> FigureTable:
    """Density, and its spread where it is known, on a plane.

    Parameters
    ----------
    plane
        When all planes of the grid have passed.

    Returns
    -------
    FigureTable
        A row per point: `u_angstrom` along the first vector of the plane, `v_angstrom`
        perpendicular to it in the plane, the density, its standard deviation over the networks.
    """
    u, v = plane.coordinates
    columns = [
        number_column("u_angstrom", "u", "Å", u.ravel()),
        number_column("v_angstrom", "v", "Å", v.ravel()),
    ]
    names = ((DENSITY, "density"), (SPREAD, "std over networks"))
    for (name, label), values in zip(names, plane.values, strict=False):
        columns.append(number_column(name, label, _UNIT, values.ravel()))
    return FigureTable(tuple(columns))


def profile_table(
    profile: Profile, cell: FloatArray, axis: int, *, period: float | None
) -> FigureTable:
    """Mean over the planes along a cell vector.

    Parameters
    ----------
    profile
        When all planes have passed.
    cell
        Cell vectors as rows, Å, [3, 3].
    axis
        Number of the cell vector.
    period
        Of the macroscopic average, Å; none without.

    Returns
    -------
    FigureTable
        A row per plane: `height_angstrom` above the first plane, perpendicular to them, mean
        density, its macroscopic average, mean and largest spread.
    """
    means, largest = profile.means, profile.largest
    height = 1 / float(np.linalg.norm(np.linalg.inv(cell)[:, axis]))
    planes = means.shape[1]
    columns = [
        number_column("height_angstrom", "height", "Å", height / planes * np.arange(planes)),
        number_column(DENSITY, "mean density", _UNIT, means[0]),
    ]
    if period is not None:
        average = macroscopic_average(means[0], height, period)
        columns.append(number_column(MACROSCOPIC, "macroscopic average", _UNIT, average))
    if len(means) > 1:
        columns += [
            number_column(SPREAD, "mean std over networks", _UNIT, means[1]),
            number_column(LARGEST, "largest", _UNIT, largest[1]),
        ]
    return FigureTable(tuple(columns))


def atom_rows(
    atoms: Atoms, integrals: FloatArray, outside: FloatArray | None
) -> list[dict[str, Cell]]:
    """Electrons of each atom, the integral of the density's spread, and extrapolation around it.

    Parameters
    ----------
    atoms
        The structure.
    integrals
        [atom, field].
    outside
        Share of the points outside of the training range, and mean excess, [atom, 2].

    Returns
    -------
    list of dict
        A row per atom; `electrons_std` is the integral of the spread, which bounds the spread of
        the electrons; None where it is not known.
    """
    return [
        {
            "atom": number,
            "element": atom.symbol,
            **dict(
                zip(
                    ("x_angstrom", "y_angstrom", "z_angstrom"),
                    map(float, atom.position),
                    strict=True,
                )
            ),
            "electrons": float(own[0]),
            "electrons_std": float(own[1]) if len(own) > 1 else None,
            "share_outside_of_training_range": None
            if outside is None
            else float(outside[number, 0]),
            "mean_excess_standard_deviations": None
            if outside is None
            else float(outside[number, 1]),
        }
        for number, (atom, own) in enumerate(zip(atoms, integrals, strict=True))
    ]


def part_rows(parts: Parts, spatial: PartIntegrals, integrals: FloatArray) -> list[dict[str, Cell]]:
    """Electrons of each part of the cell.

    Parameters
    ----------
    parts
        The parts.
    spatial
        Integrals over parts of space.
    integrals
        Of atoms, [atom, field].

    Returns
    -------
    list of dict
        A row per part, in the order in which they were asked for; a group of atoms has no points.
    """
    rows: list[dict[str, Cell]] = []
    for name, text in parts.texts.items():
        points = None if name in parts.groups else spatial.points[name]
        if name in parts.groups:
            found = integrals[parts.groups[name]].sum(axis=0)
        else:
            found = spatial.values[name]
        rows.append(
            {
                "part": name,
                "what": text,
                "points": points,
                "volume_cubic_angstrom": None
                if points is None
                else points * spatial.volume_element,
                "electrons": float(found[0]),
                "electrons_std": float(found[1]) if len(found) > 1 else None,
            }
        )
    return rows


def surface_table(
    level: float, surface: Surface, field: FloatArray, cell: FloatArray
) -> FigureTable:
    """What one isosurface is, in one row.

    Parameters
    ----------
    level
        Its density, 1/Å³.
    surface
        The surface.
    field
        The density on which it was sought, 1/Å³, [x, y, z].
    cell
        Cell vectors as rows, Å, [3, 3].

    Returns
    -------
    FigureTable
        Level, area, and volume and electrons of the points above the level.
    """
    above = field >= level
    element = abs(float(np.linalg.det(cell))) / field.size
    return FigureTable(
        (
            number_column(DENSITY, "density", _UNIT, [level]),
            number_column("area_square_angstrom", "area", "Å²", [surface.area]),
            number_column(
                "volume_above_cubic_angstrom", "volume above", "Å³", [above.sum() * element]
            ),
            number_column("electrons_above", "electrons above", "", [field[above].sum() * element]),
            *(
                number_column(f"points_{name}", f"points along {name}", "", [points])
                for name, points in zip("abc", field.shape, strict=True)
            ),
        )
    )


def map_table(fields: Mapping[str, FloatArray], cell: FloatArray, axis: int) -> FigureTable:
    """The largest values of a map along a cell vector.

    Parameters
    ----------
    fields
        [x, y, z] by the names of the columns.
    cell
        Cell vectors as rows, Å, [3, 3].
    axis
        Number of the cell vector along which one looks.

    Returns
    -------
    FigureTable
        A row per column of voxels.
    """
    seen = {name: values.max(axis=axis) for name, values in fields.items()}
    first, second = (cell[other] for other in range(3) if other != axis)
    u, v = in_plane(first, second, next(iter(seen.values())).shape)
    units = {LARGEST: ("largest std over networks", _UNIT), EXCESS: ("largest excess", "std")}
    return FigureTable(
        (
            number_column("u_angstrom", "u", "Å", u.ravel()),
            number_column("v_angstrom", "v", "Å", v.ravel()),
            *(number_column(name, *units[name], values.ravel()) for name, values in seen.items()),
        )
    )
