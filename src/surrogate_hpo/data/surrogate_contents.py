"""What a surrogate file holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.networks.error_bar import ErrorBar, ForceErrorBar
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.training_range import TrainingRange
from surrogate_hpo.physics.prediction_grid import KnownGrid


@dataclass(frozen=True)
class Ion:
    """The part of an element's pseudopotential that the energies need.

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
    """What the calculations that a surrogate was trained on have in common.

    Attributes
    ----------
    functional
        Exchange-correlation functional.
    density_cutoff
        Largest kinetic energy in eV of the density's wave vectors.
    electronic_temperature
        K.
    grids
        Distinct cells of the training snapshots with their grids.
    snapshots
        Number of training snapshots.
    """

    functional: str
    density_cutoff: float
    electronic_temperature: float
    grids: tuple[KnownGrid, ...]
    snapshots: int


@dataclass(frozen=True)
class Surrogate(HasLdosAxis):
    """Networks of several seeds and everything that a prediction with them needs.

    Attributes
    ----------
    models
        One per initialisation.
    definition
        The descriptor that the networks take as input.
    axis
        Energies and broadening of the LDOS that the networks predict.
    ions
        The ions that the networks know, by element.
    origin
        The data that the networks were trained on.
    known
        Range of the descriptors in the training.
    description
        Free text from whoever made the file.
    provenance
        How the file was made.
    error_bar
        Expected error of the total free energy; None if none could be calibrated.
    force_error_bar
        Expected error of a component of a force; None if none could be calibrated.
    """

    models: tuple[SurrogateModel, ...]
    definition: DescriptorDefinition
    axis: LdosAxis
    ions: Mapping[str, Ion]
    origin: Origin
    known: TrainingRange
    description: str
    provenance: Mapping[str, Any]
    error_bar: ErrorBar | None = None
    force_error_bar: ForceErrorBar | None = None
