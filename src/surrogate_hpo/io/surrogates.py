"""The surrogate as one file: networks of all seeds, and all that a prediction needs beside them.

It is read without the workflow, its config or its results, and without unpickling code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.errors import DataError
from surrogate_hpo.io.models import read_state, write_state
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.training_range import TrainingRange
from surrogate_hpo.physics.prediction_grid import KnownGrid

FORMAT = "surrogate-hpo surrogate"
FORMAT_VERSION = 1


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


def write_surrogate(path: Path, surrogate: Surrogate) -> None:
    """Write a surrogate atomically: tensors, numbers and strings only."""
    origin = surrogate.origin
    write_state(
        path,
        {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "description": surrogate.description,
            "models": [model.state_dict() for model in surrogate.models],
            "descriptor": surrogate.definition.as_document(),
            "descriptor_range": surrogate.known.state_dict(),
            "energy_ev": torch.from_numpy(surrogate.energy),
            "kernel": surrogate.kernel,
            "width_ev": surrogate.width,
            "ions": {element: _plain(ion) for element, ion in sorted(surrogate.ions.items())},
            "functional": origin.functional,
            "density_cutoff_ev": origin.density_cutoff,
            "electronic_temperature_kelvin": origin.electronic_temperature,
            "training_cells_angstrom": torch.from_numpy(np.stack([g.cell for g in origin.grids])),
            "training_grids": torch.tensor([known.grid for known in origin.grids]),
            "training_snapshots": origin.snapshots,
            "provenance": dict(surrogate.provenance),
        },
    )


def read_surrogate(path: Path) -> Surrogate:
    """Read a surrogate.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Surrogate
        On the CPU.

    Raises
    ------
    DataError
        If the file is missing, damaged, no surrogate, or of a format that came later.
    """
    state = read_state(path)
    _check_format(state, path)
    try:
        return Surrogate(
            models=tuple(SurrogateModel.from_state_dict(model) for model in state["models"]),
            definition=DescriptorDefinition.from_document(state["descriptor"]),
            energy=state["energy_ev"].numpy(),
            kernel=state["kernel"],
            width=state["width_ev"],
            ions={element: _ion(ion) for element, ion in state["ions"].items()},
            origin=_origin(state),
            known=TrainingRange.from_state_dict(state["descriptor_range"]),
            description=state["description"],
            provenance=state["provenance"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            "the file lacks what a surrogate has",
            where=str(path),
            got=f"{type(error).__name__}: {error}",
            remedy="make it again: snakemake results/surrogate/surrogate.pt",
        ) from error


def _check_format(state: Mapping[str, Any], path: Path) -> None:
    if state.get("format") != FORMAT:
        is_model = "surrogate" in state
        raise DataError(
            "the file is no surrogate",
            where=str(path),
            expected="the file that the surrogate stage writes",
            got="the model of one initialisation" if is_model else "another torch file",
            remedy="give results/surrogate/surrogate.pt",
        )
    version = state.get("format_version")
    if version != FORMAT_VERSION:
        raise DataError(
            "the surrogate was written by another version of surrogate-hpo",
            where=str(path),
            expected=f"format {FORMAT_VERSION}",
            got=f"format {version}, of {state.get('provenance', {}).get('package', 'unknown')}",
            remedy="install the version that wrote it, or one that is newer",
        )


def _plain(ion: Ion) -> dict[str, Any]:
    return {
        "charge": ion.charge,
        "core_correction": ion.core_correction,
        "radial_grid_angstrom": torch.from_numpy(ion.radial_grid),
        "radial_weights_angstrom": torch.from_numpy(ion.radial_weights),
        "core_density_per_angstrom3": torch.from_numpy(ion.core_density),
    }


def _ion(state: Mapping[str, Any]) -> Ion:
    return Ion(
        charge=state["charge"],
        core_correction=state["core_correction"],
        radial_grid=state["radial_grid_angstrom"].numpy(),
        radial_weights=state["radial_weights_angstrom"].numpy(),
        core_density=state["core_density_per_angstrom3"].numpy(),
    )


def _origin(state: Mapping[str, Any]) -> Origin:
    cells = state["training_cells_angstrom"].numpy()
    grids = state["training_grids"].tolist()
    return Origin(
        functional=state["functional"],
        density_cutoff=state["density_cutoff_ev"],
        electronic_temperature=state["electronic_temperature_kelvin"],
        grids=tuple(
            KnownGrid(cell, (x, y, z)) for cell, (x, y, z) in zip(cells, grids, strict=True)
        ),
        snapshots=state["training_snapshots"],
    )
