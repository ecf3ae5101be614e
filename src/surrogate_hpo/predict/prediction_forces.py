"""Forces and stress of a prediction: from the derivative by the LDOS back to the atoms."""

import logging
import math
from typing import Literal

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.descriptors.adjoint.gradient import BispectrumAdjoint
from surrogate_hpo.descriptors.elements import atom_parameters
from surrogate_hpo.descriptors.grid import grid_points
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.log import Progress
from surrogate_hpo.networks.pullback import Pullback
from surrogate_hpo.physics.forces import FreeEnergyGradient, free_energy_gradient
from surrogate_hpo.predict.prediction_energies import (
    Conditions,
    Derivatives,
    Integrated,
    NetworkIntegrals,
)
from surrogate_hpo.run.devices import device_name

logger = logging.getLogger(__name__)
ForceScope = Literal["mean", "each"]
FloatArray = NDArray[np.float64]

# Relative; cells of one material at one density, on grids of one cutoff, differ by rounding.
_SAME_VOLUME = 1e-3


class FreeEnergyGradients:
    """Derivatives of the free energies of the networks by their LDOS, and then by the atoms.

    Between the two, a field on the grid is kept for each network.

    Parameters
    ----------
    integrals
        What integrates the LDOS of the structure.
    energy
        Energies of the LDOS in eV, [energy].
    """

    def __init__(self, integrals: NetworkIntegrals, energy: FloatArray) -> None:
        self._integrals, self._energy = integrals, torch.from_numpy(energy)
        self._ewald = integrals.ions.ewald()
        self._found: list[FreeEnergyGradient] = []

    def add(self, dos: torch.Tensor, integrated: Integrated) -> None:
        """Differentiate the free energy of the next network by its LDOS.

        Parameters
        ----------
        dos
            Its density of states in 1/eV, [energy].
        integrated
            What its LDOS integrates to, with the slope of the density.
        """
        integrals, slope = self._integrals, integrated.density_slope
        assert slope is not None  # noqa: S101 - asked for by the caller
        self._found.append(
            free_energy_gradient(
                integrated.density,
                slope,
                dos,
                self._energy,
                fermi_energy=integrated.terms.fermi_energy,
                temperature=integrals.temperature,
                ions=integrals.ions,
                ewald=self._ewald,
                functional=integrals.functional,
                core=integrals.core_density,
                broadening_variance=integrals.variance,
                density_cutoff=integrals.density_cutoff,
            )
        )

    def to_atoms(
        self,
        surrogate: Surrogate,
        atoms: Atoms,
        conditions: Conditions,
        descriptors: Scratch,
        scope: ForceScope,
    ) -> Derivatives:
        """Carry the derivatives back through networks and descriptors, block by block.

        Parameters
        ----------
        surrogate
            The networks, in the order in which they were added.
        atoms
            The structure.
        conditions
            How it is predicted.
        descriptors
            Those of all points of the grid.
        scope
            Whether each network is to have forces of its own.

        Returns
        -------
        Derivatives
            Forces and stress.
        """
        chained, strain = self._chained(surrogate, atoms, conditions, descriptors, scope)
        direct = np.stack([found.positions.numpy() for found in self._found])
        direct_strain = np.stack([found.strain.numpy() for found in self._found])
        if scope == "mean":
            direct, direct_strain = direct.mean(0)[None], direct_strain.mean(0)[None]
        forces = -(chained + direct)
        stress = (strain + direct_strain) / atoms.get_volume()
        # What is not symmetric is rounding: turning everything changes no energy.
        stress = (stress + stress.transpose(0, 2, 1)) / 2
        each = scope == "each"
        return Derivatives(
            forces=forces.mean(0),
            stress=stress.mean(0),
            forces_per_network=forces if each else None,
            stress_per_network=stress if each else None,
        )

    def _chained(
        self,
        surrogate: Surrogate,
        atoms: Atoms,
        conditions: Conditions,
        descriptors: Scratch,
        scope: ForceScope,
    ) -> tuple[FloatArray, FloatArray]:
        """Derivatives through the LDOS: [network or 1, atom, 3] in eV/Å, [.., 3, 3] in eV."""
        cell, grid = atoms.cell[:], self._integrals.grid
        adjoint = _adjoint(surrogate, atoms)
        device = device_name(use_gpu=conditions.use_gpu)
        pullbacks = [
            Pullback(model, found.cotangent.band, found.cotangent.electrons, device=device)
            for model, found in zip(surrogate.models, self._found, strict=True)
        ]
        fields = [found.cotangent.field.reshape(-1) for found in self._found]
        rows = len(pullbacks) if scope == "each" else 1
        gradient, strain = np.zeros((rows, len(atoms), 3)), np.zeros((rows, 3, 3))
        progress = Progress(logger, math.prod(grid), unit="points")
        begin = 0
        for block in descriptors.blocks(conditions.block_points):
            end = begin + len(block)
            points = grid_points(grid, cell, indices=np.arange(begin, end))
            given = torch.from_numpy(block)
            slopes = torch.stack(
                [
                    pullback(given, field[begin:end])
                    for pullback, field in zip(pullbacks, fields, strict=True)
                ]
            )
            if scope == "mean":  # before the adjoint, which costs most
                slopes = slopes.mean(dim=0, keepdim=True)
            moved, stretched = adjoint(points, slopes.numpy(), threads=conditions.threads)
            gradient += moved
            strain += stretched
            progress.advance(len(block))
            begin = end
        progress.finish()
        return gradient, strain


def stress_warnings(surrogate: Surrogate) -> list[str]:
    """Say whether the training can have taught networks how a cell answers to a strain.

    Parameters
    ----------
    surrogate
        Networks and what they were trained on.

    Returns
    -------
    list of str
        A sentence if it cannot; else empty.
    """
    volumes = [
        abs(np.linalg.det(known.cell)) / math.prod(known.grid) for known in surrogate.origin.grids
    ]
    if max(volumes) > min(volumes) * (1 + _SAME_VOLUME):
        return []
    return [
        "the cells of the training all have the same volume per grid point: the networks have seen "
        "no change of volume, so that the pressure means nothing, and the rest of the stress little"
    ]


def _adjoint(surrogate: Surrogate, atoms: Atoms) -> BispectrumAdjoint:
    definition = surrogate.definition
    weights, radii = atom_parameters(
        atoms.get_chemical_symbols(), definition.element_weights, definition.element_radii
    )
    return BispectrumAdjoint(
        atoms.positions,
        atoms.cell[:],
        cutoff_radius=definition.cutoff_radius,
        twojmax=definition.twojmax,
        weights=weights,
        radii=radii,
    )
