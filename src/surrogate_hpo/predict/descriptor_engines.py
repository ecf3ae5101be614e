"""The engines that compute descriptors on a grid, behind one call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.descriptors.bispectrum import Bispectrum
from surrogate_hpo.descriptors.cell_components import CellComponents
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import GridBox
from surrogate_hpo.formats.lammps.engine import find_lammps
from surrogate_hpo.formats.lammps.reference import lammps_bispectrum
from surrogate_hpo.loading import loading
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings


@dataclass(frozen=True)
class GridEngine:
    """Something that computes the descriptors of one structure on boxes of its grid.

    Attributes
    ----------
    compute
        Box to values [points, components], z fastest.
    version
        Name and version of an external program; empty if there is none.
    """

    compute: Callable[[GridBox], NDArray[Any]]
    version: str = ""

    def __call__(self, box: GridBox) -> NDArray[Any]:
        """Compute the values of a box, [points, components], z fastest."""
        return self.compute(box)


def grid_engine(
    settings: DescriptorsSettings,
    definition: DescriptorDefinition,
    atoms: Atoms,
    shape: tuple[int, int, int],
    *,
    threads: int,
) -> GridEngine:
    """Prepare the engine that the settings name.

    Parameters
    ----------
    settings
        Engine and precision.
    definition
        The descriptor.
    atoms
        The structure, Å.
    shape
        Number of grid points along each cell vector.
    threads
        CPU threads.

    Returns
    -------
    GridEngine
        Ready to compute.

    Raises
    ------
    ConfigError
        If the definition does not cover the elements of the structure.
    DataError
        If the structure makes no sense.
    EngineError
        If the engine is not installed, or fails.
    """
    snap = _snap_engine(settings, definition, atoms, shape, threads=threads)
    symbols, cell = atoms.get_chemical_symbols(), atoms.cell[:]
    of_cell = CellComponents(definition, atoms.positions, cell, symbols, threads=threads)
    return replace(snap, compute=lambda box: of_cell.behind(snap(box)))


def _snap_engine(
    settings: DescriptorsSettings,
    definition: DescriptorDefinition,
    atoms: Atoms,
    shape: tuple[int, int, int],
    *,
    threads: int,
) -> GridEngine:
    cell = atoms.cell[:]
    options = definition.keywords(atoms.get_chemical_symbols())
    if settings.engine == "lammps":
        lammps = find_lammps(settings.lammps_command)

        def by_lammps(box: GridBox) -> NDArray[Any]:
            values = lammps_bispectrum(
                lammps,
                shape=shape,
                begin=box.begin,
                end=box.end,
                positions=atoms.positions,
                cell=cell,
                **options,
            )
            return values.reshape(box.size, -1)

        return GridEngine(by_lammps, lammps.version)
    options["dtype"] = np.dtype(settings.precision)
    if settings.engine == "torch":
        # torch takes seconds to import, and the other engines do without.
        import torch  # noqa: PLC0415

        from surrogate_hpo.descriptors.torch_engine.bispectrum import TorchBispectrum  # noqa: PLC0415

        # By itself it takes all cores of the machine, and waits for them busily.
        torch.set_num_threads(threads)
        device = "cuda" if settings.use_gpu else "cpu"
        by_torch = TorchBispectrum(atoms.positions, cell, device=device, **options)
        return GridEngine(lambda box: by_torch(box.points(shape, cell)))
    # numba loads itself and a compiled function.
    with loading():
        bispectrum = Bispectrum(atoms.positions, cell, **options)
    return GridEngine(lambda box: bispectrum(box.points(shape, cell), threads=threads))
