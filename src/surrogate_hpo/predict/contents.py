"""What a prediction is told, what it finds, and what is warned of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.data.surrogate_contents import Surrogate
from surrogate_hpo.networks.training_range import Extrapolation
from surrogate_hpo.physics.accuracy import deviation
from surrogate_hpo.physics.prediction_grid import Grid, grid_spacing
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.stages.descriptors.settings import DescriptorsSettings, Engine, Precision


@dataclass(frozen=True)
class Conditions:
    """How a structure is predicted.

    Attributes
    ----------
    engine
        Engine of the descriptors; must be `torch` with `use_gpu`.
    precision
        Of their arithmetic; `lammps` has float64 alone.
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
    precision: Precision = "float64"
    threads: int = 1
    use_gpu: bool = False
    block_points: int = 16384
    electronic_temperature: float | None = None
    grid: Grid | None = None

    def __post_init__(self) -> None:
        known, temperature, grid = get_args(Engine), self.electronic_temperature, self.grid
        require_option(self.engine in known, "engine", f"one of {', '.join(known)}", self.engine)
        widths = get_args(Precision)
        can = self.precision in (widths if self.engine != "lammps" else ("float64",))
        expected = " or ".join(widths) + ", float64 with --engine lammps"
        require_option(can, "precision", expected, self.precision)
        require_option(
            not self.use_gpu or self.engine == "torch", "use-gpu", _GPU_ENGINE, self.engine
        )
        require_option(self.threads > 0, "threads", "1 or more", self.threads)
        require_option(self.block_points > 0, "block-points", "1 or more", self.block_points)
        positive = temperature is None or 0 < temperature < math.inf
        require_option(positive, "electronic-temperature", "more than 0 K", temperature)
        three = grid is None or (len(grid) == 3 and min(grid) > 0)
        require_option(three, "grid", "three numbers of points", grid)

    @property
    def descriptors(self) -> DescriptorsSettings:
        """How the descriptors are computed."""
        return DescriptorsSettings(
            engine=self.engine, precision=self.precision, use_gpu=self.use_gpu
        )


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
    forces_error_bar
        Expected error of each component, eV/Å, [atom, 3]; None if it is not known or there are no
        forces of each network.
    """

    forces: NDArray[np.float64]
    stress: NDArray[np.float64]
    forces_per_network: NDArray[np.float64] | None = None
    stress_per_network: NDArray[np.float64] | None = None
    forces_error_bar: NDArray[np.float64] | None = None

    @property
    def forces_std(self) -> NDArray[np.float64] | None:
        """Standard deviation (ddof 1) of the forces over the networks; None if not known."""
        return _known_deviation(self.forces_per_network)

    @property
    def stress_std(self) -> NDArray[np.float64] | None:
        """Standard deviation (ddof 1) of the stress over the networks; None if not known."""
        return _known_deviation(self.stress_per_network)


def _known_deviation(values: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if values is None or len(values) < 2 else deviation(values)


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


_GPU_ENGINE = "with --engine torch"


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


# Standard deviations outside of the training range: eight atoms of aluminium at 298 K, for networks
# that know cells of four, are 10 to 60 outside, and their energies wrong by electronvolts per atom.
FAR = 1.0
