"""From the predicted LDOS of each network to densities and energies, with what to warn of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.physics.forces import Ions
from surrogate_hpo.physics.free_energy_gradient import electron_slope
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import (
    EnergyTerms,
    band_terms,
    density_terms,
    total_energy_terms,
)
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.predict.contents import Conditions


@dataclass(frozen=True)
class Integrated:
    """What the LDOS of one network integrates to.

    Attributes
    ----------
    terms
        Energies in eV per cell.
    density
        1/Å³, [x, y, z].
    density_slope
        Its derivative by the Fermi energy, 1/(eV Å³), [x, y, z], if asked for.
    """

    terms: EnergyTerms
    density: torch.Tensor
    density_slope: torch.Tensor | None = None


class NetworkIntegrals:
    """Energies and densities of one structure from the LDOS of one network after the other.

    Parameters
    ----------
    surrogate
        What the energies need.
    atoms
        The structure.
    grid
        Number of grid points along each lattice vector.
    conditions
        Electronic temperature, and grid points in memory at a time.
    """

    def __init__(
        self, surrogate: Surrogate, atoms: Atoms, grid: Grid, conditions: Conditions
    ) -> None:
        origin, symbols = surrogate.origin, atoms.get_chemical_symbols()
        self._surrogate, self.grid = surrogate, grid
        self._block_points = conditions.block_points
        self.temperature = conditions.electronic_temperature or origin.electronic_temperature
        self._symbols = symbols
        self.variance = surrogate.axis.broadening_variance
        # A plain string in the file; unknown ones are refused by the physics itself.
        self.functional = cast(Functional, origin.functional)
        self.density_cutoff = origin.density_cutoff
        self.ions = Ions(
            positions=torch.tensor(atoms.positions, dtype=torch.float64),
            charges=torch.tensor([surrogate.ions[s].charge for s in symbols], dtype=torch.float64),
            cell=torch.tensor(atoms.cell[:], dtype=torch.float64),
        )
        self.electrons = float(self.ions.charges.sum())
        self._ewald = ewald_energy(self.ions.positions, self.ions.charges, self.ions.cell)
        self._core = self.core_density(self.ions.positions, self.ions.cell)

    def core_density(self, positions: torch.Tensor, cell: torch.Tensor) -> torch.Tensor | None:
        """Core density on the grid, were the atoms elsewhere in another cell.

        Parameters
        ----------
        positions
            Å, [atom, 3].
        cell
            Lattice vectors in Å as rows, [3, 3].

        Returns
        -------
        Tensor or None
            1/Å³, [x, y, z], differentiable; none if no ion has one.
        """
        return core_density_of_all(
            self._surrogate.ions, self._symbols, positions, self.grid, cell, self.density_cutoff
        )

    def integrate(
        self, dos: torch.Tensor, ldos: Scratch, *, with_slope: bool = False
    ) -> Integrated:
        """Integrate the LDOS of one network.

        Parameters
        ----------
        dos
            Its density of states in 1/eV, [energy].
        ldos
            Its LDOS, all grid points.
        with_slope
            Whether the derivative of the density by the Fermi energy is wanted, too.

        Returns
        -------
        Integrated
            Energies and density.
        """
        energy = torch.from_numpy(self._surrogate.energy)
        band = band_terms(
            dos,
            energy,
            self.electrons,
            self.temperature,
            broadening_variance=self.variance,
            # The noise of a prediction at the window's bottom is the networks' error, no fault.
            bottom_tolerance=math.inf,
        )
        mu, options = band.fermi_energy, {"broadening_variance": self.variance}
        weights = [occupation_weights(energy, mu, self.temperature, "electrons", **options)]
        if with_slope:
            weights.append(electron_slope(energy, mu, self.temperature, **options))
        density, *slope = self._densities(ldos, weights)
        terms = density_terms(
            density,
            self.ions.cell,
            self.functional,
            core_density=self._core,
            density_cutoff=self.density_cutoff,
        )
        energies = total_energy_terms(band, terms, self._ewald)
        return Integrated(energies, density, *slope)

    def _densities(self, ldos: Scratch, weights: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        densities = [torch.empty(math.prod(self.grid), dtype=torch.float64) for _ in weights]
        begin = 0
        for block in ldos.blocks(self._block_points):
            end = begin + len(block)
            for density, weight in zip(densities, weights, strict=True):
                density[begin:end] = density_from_ldos(torch.from_numpy(block), weight)
            begin = end
        return [density.reshape(self.grid) for density in densities]


class Spread:
    """Mean and spread of fields that come one after the other.

    Source: Welford, Technometrics 4, 419 (1962).

    Parameters
    ----------
    grid
        Shape of the fields.
    """

    def __init__(self, grid: Grid) -> None:
        self.mean = torch.zeros(grid, dtype=torch.float64)
        self._squares = torch.zeros(grid, dtype=torch.float64)
        self._count = 0

    def add(self, field: torch.Tensor) -> None:
        """Take one more field, [x, y, z]."""
        self._count += 1
        difference = field - self.mean
        self.mean += difference / self._count
        self._squares += difference * (field - self.mean)

    def deviation(self) -> NDArray[np.float64] | None:
        """Give the standard deviation (ddof 1); none of fewer than two fields."""
        if self._count < 2:
            return None
        deviation: NDArray[np.float64] = (self._squares / (self._count - 1)).sqrt().numpy()
        return deviation
