"""From the predicted LDOS of each network to densities and energies, with what to warn of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.files.scratch import Scratch
from surrogate_hpo.networks.training_range import Extrapolation
from surrogate_hpo.physics.ewald import ewald_energy
from surrogate_hpo.physics.forces import Ions
from surrogate_hpo.physics.free_energy_gradient import electron_slope
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.prediction_grid import Grid, grid_spacing
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.total_energy import (
    EnergyTerms,
    band_terms,
    density_terms,
    total_energy_terms,
)
from surrogate_hpo.physics.xc.core_density import core_density_of_all
from surrogate_hpo.physics.xc.functionals import Functional
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.stages.descriptors.settings import Engine

# Standard deviations outside of the training range: eight atoms of aluminium at 298 K, for networks
# that know cells of four, are 10 to 60 outside, and their energies wrong by electronvolts per atom.
FAR = 1.0
_GPU_ENGINE = "with --engine torch"


@dataclass(frozen=True)
class Conditions:
    """How a structure is predicted.

    Attributes
    ----------
    engine
        Engine of the descriptors; must be `torch` with `use_gpu`.
    threads
        CPU threads.
    use_gpu
        Compute descriptors and networks on a CUDA device.
    block_points
        Grid points in memory at a time.
    electronic_temperature
        In K; None for that of the training.
    grid
        Number of grid points along each lattice vector; None to derive it from the training grids.

    Raises
    ------
    ConfigError
        If one of them makes no sense.
    """

    engine: Engine = "native"
    threads: int = 1
    use_gpu: bool = False
    block_points: int = 16384
    electronic_temperature: float | None = None
    grid: Grid | None = None

    def __post_init__(self) -> None:
        known, temperature, grid = get_args(Engine), self.electronic_temperature, self.grid
        require_option(self.engine in known, "engine", f"one of {', '.join(known)}", self.engine)
        require_option(
            not self.use_gpu or self.engine == "torch", "use-gpu", _GPU_ENGINE, self.engine
        )
        require_option(self.threads > 0, "threads", "1 or more", self.threads)
        require_option(self.block_points > 0, "block-points", "1 or more", self.block_points)
        positive = temperature is None or 0 < temperature < math.inf
        require_option(positive, "electronic-temperature", "more than 0 K", temperature)
        three = grid is None or (len(grid) == 3 and min(grid) > 0)
        require_option(three, "grid", "three numbers of points", grid)


@dataclass(frozen=True)
class Derivatives:
    r"""Forces and stress: derivatives of the total free energy A that a prediction gives.

    Attributes
    ----------
    forces
        :math:`-\mathrm{d}A/\mathrm{d}R` in eV/Å, [atom, 3]: the mean over the networks.
    stress
        :math:`(1/V)\,\mathrm{d}A/\mathrm{d}\varepsilon` in eV/Å³, [3, 3], ASE's sign: positive
        under tension; the mean over the networks.
    forces_per_network
        [network, atom, 3], if asked for.
    stress_per_network
        [network, 3, 3], if asked for.
    """

    forces: NDArray[np.float64]
    stress: NDArray[np.float64]
    forces_per_network: NDArray[np.float64] | None = None
    stress_per_network: NDArray[np.float64] | None = None

    @property
    def forces_std(self) -> NDArray[np.float64] | None:
        """Standard deviation (ddof 1) of the forces over the networks; None if not known."""
        return _deviation(self.forces_per_network)

    @property
    def stress_std(self) -> NDArray[np.float64] | None:
        """Standard deviation (ddof 1) of the stress over the networks; None if not known."""
        return _deviation(self.stress_per_network)


def _deviation(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    if values is None or len(values) < 2:
        return None
    return np.asarray(values.std(axis=0, ddof=1), np.float64)


@dataclass(frozen=True)
class Prediction:
    """What the networks say of a structure.

    Attributes
    ----------
    grid
        Number of grid points along each lattice vector.
    electrons
        Valence electrons of the cell.
    electronic_temperature
        K.
    energies
        eV per cell, of each network, by quantity.
    dos
        1/eV, [network, energy].
    density
        1/Å³, [x, y, z]: the mean over the networks.
    density_deviation
        Its standard deviation over the networks; none with one network.
    extrapolation
        How far the descriptors leave the training range.
    warnings
        What speaks against trusting the numbers.
    error_bar
        Expected error of the mean total free energy, eV per cell; None if it is not known.
    derivatives
        Forces and stress, if asked for.
    """

    grid: Grid
    electrons: float
    electronic_temperature: float
    energies: Mapping[str, list[float]]
    dos: NDArray[np.float64]
    density: NDArray[np.float64]
    density_deviation: NDArray[np.float64] | None
    extrapolation: Extrapolation
    warnings: list[str]
    error_bar: float | None
    derivatives: Derivatives | None = None


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


def warnings_of(
    surrogate: Surrogate,
    atoms: Atoms,
    grid: Grid,
    conditions: Conditions,
    extrapolation: Extrapolation,
) -> list[str]:
    """Say in which respects a prediction leaves what the networks were trained on.

    Parameters
    ----------
    surrogate
        Networks and what they were trained on.
    atoms
        The structure.
    grid
        Its grid.
    conditions
        How it is predicted.
    extrapolation
        What was seen of the descriptors.

    Returns
    -------
    list of str
        A sentence each; empty if there is nothing to say.
    """
    origin, found = surrogate.origin, []
    if extrapolation.component is not None:
        found.append(
            f"{100 * extrapolation.fraction_of_points:.3g} % of the grid points have descriptors "
            f"outside of the training range, by up to {extrapolation.largest_excess:.2g} standard "
            f"deviations (component {extrapolation.component}): {_meaning(extrapolation)}"
        )
    temperature = conditions.electronic_temperature or origin.electronic_temperature
    if not math.isclose(temperature, origin.electronic_temperature, rel_tol=1e-6):
        found.append(
            f"electronic temperature {temperature:g} K, but the LDOS of the training are those of "
            f"{origin.electronic_temperature:g} K: only the occupations change"
        )
    spacing = grid_spacing(atoms.cell[:], grid)
    coarsest = max(grid_spacing(known.cell, known.grid) for known in origin.grids)
    if spacing > coarsest * (1 + 1e-6):
        found.append(
            f"grid spacing {spacing:.4f} Å, but the training's is {coarsest:.4f} Å or less: "
            "integrals over the grid are less exact"
        )
    return found


def _meaning(extrapolation: Extrapolation) -> str:
    if extrapolation.largest_excess < FAR:
        return "the networks extrapolate there"
    return "the networks know nothing of such neighbourhoods, and the numbers mean little"
