"""What a prediction is told, and what it finds."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.networks.training_range import Extrapolation
from surrogate_hpo.physics.accuracy import deviation
from surrogate_hpo.physics.prediction_grid import Grid
from surrogate_hpo.run.interface import require_option
from surrogate_hpo.stages.descriptors.settings import Engine


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
