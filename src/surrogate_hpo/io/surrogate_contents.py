"""What a surrogate file holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.networks.error_bar import ErrorBar
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.training_range import TrainingRange
from surrogate_hpo.physics.prediction_grid import KnownGrid


@dataclass(frozen=True)
class Ion:
    """What the energies need of an element's pseudopotential.

    Attributes
    ----------
    charge
        Number of valence electrons.
    core_correction
        Whether there is a core density; the arrays are empty without one.
    radial_grid
        Radii in Å.
    radial_weights
        Steps dr/di in Å.
    core_density
        Core density in 1/Å³.
    """

    charge: float
    core_correction: bool
    radial_grid: NDArray[np.float64]
    radial_weights: NDArray[np.float64]
    core_density: NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """The calculations that a surrogate was trained on, and what is common to all of them.

    Attributes
    ----------
    functional
        Exchange-correlation functional.
    density_cutoff
        Largest kinetic energy in eV of the density's wave vectors.
    electronic_temperature
        K.
    grids
        Cells of the training snapshots with their grids, each once.
    snapshots
        Number of training snapshots.
    """

    functional: str
    density_cutoff: float
    electronic_temperature: float
    grids: tuple[KnownGrid, ...]
    snapshots: int


@dataclass(frozen=True)
class Surrogate:
    """Networks of several seeds and all that their prediction needs.

    Attributes
    ----------
    models
        One per initialisation.
    definition
        The descriptor that they are fed.
    energy
        Energies of the LDOS that they give, eV, [energy].
    kernel
        Its broadening.
    width
        Width of that in eV.
    ions
        By element: those that the networks know.
    origin
        What they were trained on.
    known
        Range of the descriptors that they were trained on.
    description
        The maker's words.
    provenance
        What made the file.
    error_bar
        Expected error of the total free energy; None if none could be calibrated.
    """

    models: tuple[SurrogateModel, ...]
    definition: DescriptorDefinition
    energy: NDArray[np.float64]
    kernel: str
    width: float
    ions: Mapping[str, Ion]
    origin: Origin
    known: TrainingRange
    description: str
    provenance: Mapping[str, Any]
    error_bar: ErrorBar | None = None
