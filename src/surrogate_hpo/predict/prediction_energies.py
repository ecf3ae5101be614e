"""From the DOS and the density that each network predicts to its energies."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.errors import PhysicsError
from surrogate_hpo.networks.training_range import Extrapolation
from surrogate_hpo.physics.ewald import Ions, ewald_energy
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.physics.structure_integrals import StructureIntegrals
from surrogate_hpo.physics.total_energy import (
    BandTerms,
    EnergyTerms,
    band_terms,
    density_terms,
    total_energy_terms,
)
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.predict.contents import Conditions, Derivatives, Prediction


class NetworkIntegrals:
    """Energies of one structure from the DOS and the density of one network after the other.

    Parameters
    ----------
    surrogate
        What the energies need.
    atoms
        The structure.
    grid
        Number of grid points along each lattice vector.
    conditions
        Electronic temperature.
    """

    def __init__(
        self, surrogate: Surrogate, atoms: Atoms, grid: Grid, conditions: Conditions
    ) -> None:
        origin, symbols = surrogate.origin, atoms.get_chemical_symbols()
        charges = [surrogate.ions[symbol].charge for symbol in symbols]
        self.structure = StructureIntegrals(
            symbols=symbols,
            ions=Ions(
                positions=torch.tensor(atoms.positions, dtype=torch.float64),
                charges=torch.tensor(charges, dtype=torch.float64),
                cell=torch.tensor(atoms.cell[:], dtype=torch.float64),
            ),
            cores=surrogate.ions,
            grid=grid,
            energy=torch.from_numpy(surrogate.energy),
            temperature=conditions.electronic_temperature or origin.electronic_temperature,
            # A plain string in the file; unknown ones are refused by the physics itself.
            functional=cast(Functional, origin.functional),
            broadening_variance=surrogate.axis.broadening_variance,
            density_cutoff=origin.density_cutoff,
        )
        ions = self.structure.ions
        self.electrons = float(ions.charges.sum())
        self._ewald = ewald_energy(ions.positions, ions.charges, ions.cell)
        self._core = self.structure.core(ions.positions, ions.cell)

    def band(self, dos: torch.Tensor) -> BandTerms:
        """Fermi energy, band energy and entropy of one network.

        Parameters
        ----------
        dos
            Its density of states in 1/eV, [energy].

        Returns
        -------
        BandTerms
            In eV.

        Raises
        ------
        PhysicsError
            If the DOS holds no Fermi energy.
        """
        structure = self.structure
        return band_terms(
            dos,
            structure.energy,
            self.electrons,
            structure.temperature,
            broadening_variance=structure.broadening_variance,
            # The noise of a prediction at the window's bottom is the networks' error, no fault.
            bottom_tolerance=math.inf,
        )

    def energies(self, band: BandTerms, density: torch.Tensor) -> EnergyTerms:
        """All energies of one network.

        Parameters
        ----------
        band
            What its DOS gives.
        density
            Its density at that Fermi energy, 1/Å³, [x, y, z].

        Returns
        -------
        EnergyTerms
            In eV per cell.

        Raises
        ------
        PhysicsError
            If the density is negative.
        """
        structure = self.structure
        terms = density_terms(
            density,
            structure.ions.cell,
            structure.functional,
            core_density=self._core,
            density_cutoff=structure.density_cutoff,
        )
        return total_energy_terms(band, terms, self._ewald)


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


class Ensemble:
    """Energies of all networks of a structure, and mean and spread of their densities.

    Parameters
    ----------
    integrals
        What one network's energies are found with.
    grid
        Number of grid points along each lattice vector.
    warnings
        What speaks against trusting the numbers, should they make no sense.
    """

    def __init__(self, integrals: NetworkIntegrals, grid: Grid, warnings: list[str]) -> None:
        self._integrals, self._grid, self._warnings = integrals, grid, warnings
        self.energies: dict[str, list[float]] = {}
        self.spread = Spread(grid)

    def bands(self, dos: torch.Tensor) -> list[BandTerms]:
        """Fermi energy, band energy and entropy of each network.

        Parameters
        ----------
        dos
            Densities of states in 1/eV, [network, energy].

        Returns
        -------
        list of BandTerms
            In eV.

        Raises
        ------
        PhysicsError
            If one holds no Fermi energy.
        """
        found = []
        for number, states in enumerate(dos):
            with self.sensible(number):
                found.append(self._integrals.band(states))
        return found

    def add(self, number: int, band: BandTerms, density: torch.Tensor) -> None:
        """Take the next network.

        Parameters
        ----------
        number
            Its number.
        band
            What its DOS gives.
        density
            Its density at that Fermi energy, 1/Å³, [x, y, z].

        Raises
        ------
        PhysicsError
            If the density is negative.
        """
        with self.sensible(number):
            terms = self._integrals.energies(band, density)
        self.spread.add(density)
        for name, value in terms.as_floats().items():
            self.energies.setdefault(name, []).append(value)

    def prediction(
        self,
        surrogate: Surrogate,
        atoms: Atoms,
        dos: torch.Tensor,
        extrapolation: Extrapolation,
        derivatives: Derivatives | None = None,
    ) -> Prediction:
        """Put together what is predicted, once all networks are taken.

        Parameters
        ----------
        surrogate
            The networks, for the expected error.
        atoms
            The structure.
        dos
            Densities of states in 1/eV, [network, energy].
        extrapolation
            How far outside of the training range the points are.
        derivatives
            Forces and stress, if asked for.

        Returns
        -------
        Prediction
            Energies in eV per cell.
        """
        return Prediction(
            grid=self._grid,
            electrons=self._integrals.electrons,
            electronic_temperature=self._integrals.structure.temperature,
            energies=self.energies,
            dos=dos.numpy(),
            density=self.spread.mean.numpy(),
            density_deviation=self.spread.deviation(),
            extrapolation=extrapolation,
            warnings=self._warnings,
            error_bar=_error_bar(surrogate, self.energies["total_free_energy"], len(atoms)),
            derivatives=derivatives,
        )

    @contextmanager
    def sensible(self, network: int) -> Iterator[None]:
        """Say of what makes no sense which network it is of, and what speaks against trusting."""
        try:
            yield
        except PhysicsError as error:
            remedy = "; ".join(self._warnings)
            raise PhysicsError(
                "the LDOS that a network predicts makes no physical sense",
                where=f"network of seed {network}",
                got="; ".join(line.strip() for line in str(error).splitlines()),
                remedy=remedy or "look at the errors of the run that made the surrogate",
            ) from error


def _error_bar(surrogate: Surrogate, energies: Sequence[float], atoms: int) -> float | None:
    """Expected error of the mean total free energy, eV per cell; None if it is not known."""
    bar = surrogate.error_bar
    return None if bar is None else atoms * bar.of(np.array(energies) / atoms)
