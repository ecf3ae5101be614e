"""From derivatives by the LDOS to forces and stress: through the networks and the descriptors."""

import logging
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.descriptors.adjoint.gradient import BispectrumAdjoint
from surrogate_hpo.descriptors.cell_components import CellComponents
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.log import Progress
from surrogate_hpo.networks.ensemble.pullback import Pullback
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.physics.forces import FreeEnergyGradient
from surrogate_hpo.physics.free_energy_gradient import LdosCotangent
from surrogate_hpo.physics.prediction_grid import Grid

logger = logging.getLogger(__name__)
ForceScope = Literal["mean", "each"]
FloatArray = NDArray[np.float64]


class DescriptorChain:
    """Forces and stress of one structure from the descriptors of the points of its grid.

    Parameters
    ----------
    definition
        The descriptor.
    atoms
        The structure, Å.
    grid
        Number of grid points along each lattice vector.
    threads
        CPU threads of the adjoint of the descriptors.
    device
        Where networks are differentiated.
    tells_end
        Whether the log tells how long it took; of one structure among many it is noise.
    """

    def __init__(
        self,
        definition: DescriptorDefinition,
        atoms: Atoms,
        grid: Grid,
        *,
        threads: int,
        device: str,
        tells_end: bool = True,
    ) -> None:
        self._atoms, self._grid, self._tells_end = atoms, grid, tells_end
        self._threads, self._device = threads, device
        symbols, cell = atoms.get_chemical_symbols(), atoms.cell[:]
        self._adjoint = BispectrumAdjoint(atoms.positions, cell, **definition.keywords(symbols))
        self._of_cell = CellComponents(definition, atoms.positions, cell, symbols, threads=threads)

    def forces_and_stress(
        self,
        models: Sequence[SurrogateModel],
        gradients: Sequence[FreeEnergyGradient],
        blocks: Iterable[NDArray[np.floating]],
        scope: ForceScope,
    ) -> tuple[FloatArray, FloatArray]:
        """Carry the derivatives back through networks and descriptors, block by block.

        Parameters
        ----------
        models
            The networks.
        gradients
            Derivatives of the free energy of each.
        blocks
            Descriptors of all points, in the order of the grid, [point, component].
        scope
            "mean" for the mean over the networks, "each" for each network.

        Returns
        -------
        array, array
            Forces in eV/Å, [network or 1, atom, 3], and stress in eV/Å³, [network or 1, 3, 3],
            ASE's sign.
        """
        through = self.pulled(models, [found.cotangent for found in gradients], blocks, scope)
        direct = [
            np.stack([part.numpy() for part in parts])
            for parts in zip(*((found.positions, found.strain) for found in gradients), strict=True)
        ]
        if scope == "mean":
            direct = [part.mean(0)[None] for part in direct]
        return together(through, (direct[0], direct[1]), self._atoms.get_volume())

    def pulled(
        self,
        models: Sequence[SurrogateModel],
        cotangents: Sequence[LdosCotangent],
        blocks: Iterable[NDArray[np.floating]],
        scope: ForceScope,
        *,
        first: int = 0,
    ) -> tuple[FloatArray, FloatArray]:
        """Derivatives of the free energy through the LDOS at some points that follow each other.

        Parameters
        ----------
        models
            The networks.
        cotangents
            Derivatives by the LDOS of each; their fields hold these points alone.
        blocks
            Descriptors of the points, in the order of the grid, [point, component].
        scope
            "mean" for the mean over the networks, "each" for each network.
        first
            Number of the first point in the flattened grid.

        Returns
        -------
        array, array
            By the positions in eV/Å, [network or 1, atom, 3], and by the strain in eV,
            [network or 1, 3, 3].
        """
        cell = self._atoms.cell[:]
        pullback = Pullback(
            models,
            [found.band for found in cotangents],
            [found.electrons for found in cotangents],
            mean=scope == "mean",  # before the adjoint, which costs most
            device=self._device,
        )
        fields = [found.field.reshape(-1) for found in cotangents]
        rows = len(models) if scope == "each" else 1
        gradient, strain = np.zeros((rows, len(self._atoms), 3)), np.zeros((rows, 3, 3))
        progress = Progress(logger, fields[0].numel(), unit="points")
        begin, of_cell = 0, []
        for block in blocks:
            end = begin + len(block)
            points = grid_points(self._grid, cell, indices=first + np.arange(begin, end))
            slopes = pullback(torch.from_numpy(block), [field[begin:end] for field in fields])
            by_snap, by_cell = self._of_cell.split(slopes.numpy())
            of_cell.append(by_cell)
            moved, stretched = self._adjoint(points, by_snap, threads=self._threads)
            gradient += moved
            strain += stretched
            progress.advance(len(block))
            begin = end
        if self._tells_end:
            progress.finish()
        moved, stretched = self._of_cell.adjoint(np.sum(of_cell, axis=0))
        return gradient + moved, strain + stretched


def together(
    through: tuple[FloatArray, FloatArray], direct: tuple[FloatArray, FloatArray], volume: float
) -> tuple[FloatArray, FloatArray]:
    """Forces and stress from the derivatives of the free energy by positions and strain.

    Parameters
    ----------
    through
        Those through the LDOS: [network, atom, 3] in eV/Å, [network, 3, 3] in eV.
    direct
        Those at a fixed LDOS, alike.
    volume
        Of the cell, Å³.

    Returns
    -------
    array, array
        Forces in eV/Å, [network, atom, 3], and stress in eV/Å³, [network, 3, 3], ASE's sign.
    """
    stress = (through[1] + direct[1]) / volume
    # What is not symmetric is rounding: turning everything changes no energy.
    return -(through[0] + direct[0]), (stress + stress.transpose(0, 2, 1)) / 2
