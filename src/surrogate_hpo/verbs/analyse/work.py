"""The work of an analysis: one pass over the density, and files of what it has gathered."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.predicted_fields import StoredDensity
from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import DataError
from surrogate_hpo.files.tables import write_table
from surrogate_hpo.formats.cubes.writer import CubeWriter, writing_cube
from surrogate_hpo.formats.meshes import write_mesh
from surrogate_hpo.physics.atom_partition import AtomSums
from surrogate_hpo.physics.space.averages import require_period
from surrogate_hpo.physics.space.isosurface import isosurface
from surrogate_hpo.physics.space.lattice_plane import LatticePlane
from surrogate_hpo.physics.space.voxels import Voxels, voxel_shape
from surrogate_hpo.predict.contents import Conditions
from surrogate_hpo.verbs.analyse.cuts import (
    AtomIntegrals,
    Gathered,
    GridPlane,
    PartIntegrals,
    Profile,
    gather,
)
from surrogate_hpo.verbs.analyse.figure import (
    MAP,
    draw_dos,
    draw_plane,
    draw_profile,
    draw_surface,
)
from surrogate_hpo.verbs.analyse.maps import (
    EXCESS,
    LARGEST,
    atom_rows,
    map_table,
    part_rows,
    profile_table,
    slice_table,
    surface_table,
)
from surrogate_hpo.verbs.analyse.options import Cuts
from surrogate_hpo.verbs.analyse.output import save, write_map_store, write_rdf
from surrogate_hpo.verbs.analyse.parts import VECTORS, Parts
from surrogate_hpo.verbs.analyse.state_tables import dos_table, part_dos_table
from surrogate_hpo.verbs.analyse.states import LdosSource, states_of
from surrogate_hpo.verbs.analyse.trust import extrapolation_map, of_atoms

FloatArray = NDArray[np.float64]
_SAME_CELL = 1e-4
"""Å; cells of structure files are rounded."""
_CUBES = (
    ("density", "electron density in 1/bohr^3"),
    ("density_std", "standard deviation of the density over the networks in 1/bohr^3"),
)


def check_cell(lattice: FloatArray, cell: Atoms, where: Path) -> None:
    """Raise DataError if the cell of a file is not that of the structure."""
    if not np.allclose(lattice, cell.cell[:], rtol=0, atol=_SAME_CELL):
        raise DataError(
            "the structure is not that of the prediction: the cells differ",
            where=str(where),
            expected=f"{np.round(lattice, 5).tolist()} Å",
            got=f"{np.round(cell.cell[:], 5).tolist()} Å",
            remedy="give the structure that was predicted",
        )


class Analysis:
    """What is gathered in one pass over a density.

    Parameters
    ----------
    data
        The density.
    atoms
        The structure, Å.
    cuts
        Planes, profile and surfaces.
    parts
        Parts of the cell.
    width
        Of the weights that share space among the atoms, Å.
    map_spacing
        Edge of the voxels of the map, Å.
    """

    def __init__(
        self,
        data: StoredDensity,
        atoms: Atoms,
        cuts: Cuts,
        parts: Parts,
        width: float,
        map_spacing: float,
    ) -> None:
        self._data, self._atoms, self._cuts, self._parts = data, atoms, cuts, parts
        self._width = width
        cell, shape = data.cell, data.shape
        if cuts.macroscopic_angstrom is not None:
            height = 1 / float(np.linalg.norm(np.linalg.inv(cell)[:, cuts.number]))
            require_period(cuts.macroscopic_angstrom, height)
        self._integrals = AtomIntegrals(AtomSums(shape, atoms.positions, cell, width=width), shape)
        self._spatial = PartIntegrals(parts, cell, shape)
        self._profile = Profile(cuts.number, shape)
        self._planes: list[GridPlane | LatticePlane] = [
            GridPlane(cell, cuts.number, place, shape)
            if cuts.indices is None
            else LatticePlane(cell, cuts.indices, place, shape)
            for place in cuts.places
        ]
        fields = 2 if data.has_spread else 1
        self._map = Voxels(shape, voxel_shape(shape, cell, map_spacing), fields)
        spacing = np.cbrt(abs(np.linalg.det(cell)) / cuts.surface_points)
        self._coarse = Voxels(shape, voxel_shape(shape, cell, spacing), fields)
        self._sums: list[Gathered] = [self._integrals, self._spatial, self._profile, self._map]
        self._sums += self._planes
        if cuts.isosurface:
            self._sums.append(self._coarse)

    def gather(self, cubes: Path | None = None) -> None:
        """Read the density, a few planes at a time; with a folder, write it there as cube files."""
        with ExitStack() as stack:
            if cubes is not None:
                writers = [
                    stack.enter_context(
                        writing_cube(
                            cubes / f"{name}.cube",
                            self._data.shape,
                            self._atoms,
                            "surrogate-hpo analyse",
                            quantity=quantity,
                        )
                    )
                    for name, quantity in _CUBES[: 2 if self._data.has_spread else 1]
                ]
                self._sums.append(_Cubes(writers))
            gather(self._data.planes(), self._sums)

    def write_map(self, folder: Path, surrogate: Surrogate | None, conditions: Conditions) -> None:
        """Write where to doubt the prediction: as a store, a picture, and by atom."""
        means, largest = self._map.means, self._map.largest
        fields = {"density": (means[0], "1/Å³", "mean electron density of the voxel")}
        shown: dict[str, FloatArray] = {}
        outside = None
        if self._data.has_spread:
            fields["density_std"] = (means[1], "1/Å³", "mean std over the networks in the voxel")
            fields["largest_density_std"] = (largest[1], "1/Å³", "largest of it in the voxel")
            shown[LARGEST] = largest[1]
        if surrogate is not None:
            excess = extrapolation_map(surrogate, self._atoms, self._map.shape, conditions)
            outside = of_atoms(excess, self._atoms, width=self._width)
            name = "distance of the descriptors from their training range, at the voxel's middle"
            fields["excess"] = (excess, "standard deviations of the training points", name)
            shown[EXCESS] = excess
        write_map_store(folder / "map.zarr.zip", fields, self._data.cell)
        write_table(folder / "atoms.csv", atom_rows(self._atoms, self._integrals.values, outside))
        if shown:
            table = map_table(shown, self._data.cell, self._cuts.number)
            vectors = self._other_vectors()
            size = tuple(np.delete(self._map.shape, self._cuts.number).tolist())
            title = f"what to doubt: largest values along {self._cuts.axis}"
            draw = partial(draw_plane, table, size, vectors=vectors, panels=MAP)
            save(folder, "map", title, draw, table)

    def write_tables(self, folder: Path, largest_distance: float) -> None:
        """Write the parts, and the radial distribution with its picture."""
        if self._parts.texts:
            rows = part_rows(self._parts, self._spatial, self._integrals.values)
            write_table(folder / "regions.csv", rows)
        write_rdf(folder, self._atoms, largest_distance)

    def write_pictures(self, folder: Path) -> None:
        """Write planes, profile and surfaces."""
        for number, (plane, place) in enumerate(zip(self._planes, self._cuts.places, strict=True)):
            table = slice_table(plane)
            if isinstance(plane, LatticePlane):
                vectors, where = plane.names, f"on ({self._miller()}) at {place:g} of its spacing"
            else:
                vectors, where = self._other_vectors(), f"where {self._cuts.axis} = {place:g}"
            draw = partial(draw_plane, table, plane.shape, vectors=vectors)
            save(folder, f"slice_{number}", f"electron density {where}", draw, table)
        table = profile_table(
            self._profile,
            self._data.cell,
            self._cuts.number,
            period=self._cuts.macroscopic_angstrom,
        )
        title = f"mean electron density of the planes along {self._cuts.axis}"
        save(folder, "profile", title, partial(draw_profile, table), table)
        for number, level in enumerate(self._cuts.isosurface or []):
            self._write_surface(folder, number, level)

    def _write_surface(self, folder: Path, number: int, level: float) -> None:
        cell, means = self._data.cell, self._coarse.means
        field, spread = means[0], means[1] if len(means) > 1 else None
        surface = isosurface(field, cell, level, spread)
        if not len(surface.triangles):
            raise DataError(
                "the density has no such isosurface",
                where="--isosurface",
                expected=f"between {field.min():.4g} and {field.max():.4g} 1/Å³",
                got=f"{level:g}",
                remedy="more --surface-points, if the density itself goes further",
            )
        name = f"isosurface_{number}"
        comment = f"electron density of {level:g} per cubic angstrom"
        property_name = "density_std_per_cubic_angstrom"
        write_mesh(folder / f"{name}.ply", surface, comment, property_name=property_name)
        table = surface_table(level, surface, field, cell)
        title = f"where the electron density is {level:g} 1/Å³"
        save(folder, name, title, partial(draw_surface, surface, cell), table)

    def write_states(
        self, folder: Path, source: LdosSource, chosen: list[int], *, of_atoms: bool
    ) -> None:
        """Write densities of states of atoms and parts."""
        atoms = self._atoms if of_atoms or self._parts.groups else None
        found = states_of(source, self._parts, atoms, width=self._width)
        if self._parts.texts:
            table = part_dos_table(found, self._parts)
            title = "density of states of parts of the cell"
            save(folder, "regions_dos", title, partial(draw_dos, table), table)
        if of_atoms and found.atoms is not None:
            table = dos_table(found.energy, found.atoms.mean(axis=0), self._atoms, chosen)
            title = "density of states of atoms"
            save(folder, "atom_dos", title, partial(draw_dos, table), table)

    def _other_vectors(self) -> tuple[str, str]:
        first, second = (name for name in VECTORS if name != self._cuts.axis)
        return first, second

    def _miller(self) -> str:
        return " ".join(map(str, self._cuts.indices or ()))


class _Cubes:
    """Planes on their way into cube files, a field each."""

    def __init__(self, writers: list[CubeWriter]) -> None:
        self._writers = writers

    def add(self, begin: int, fields: FloatArray) -> None:  # noqa: ARG002 (planes come in order)
        for writer, planes in zip(self._writers, fields, strict=True):
            writer.write(planes)
