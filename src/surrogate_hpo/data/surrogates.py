"""The surrogate as one file: networks of all seeds, and all that a prediction needs beside them.

It is read without the workflow, its config or its results, and without unpickling code.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from surrogate_hpo.data.models import OTHER_KIND, read_state, write_state
from surrogate_hpo.data.surrogate_checks import misfits
from surrogate_hpo.data.surrogate_contents import Ion, Origin, Surrogate
from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import LdosAxis
from surrogate_hpo.errors import DataError, SurrogateHpoError
from surrogate_hpo.networks.error_bar import ErrorBar, ForceErrorBar
from surrogate_hpo.networks.model import SurrogateModel
from surrogate_hpo.networks.training_range import TrainingRange
from surrogate_hpo.physics.prediction_grid import KnownGrid

FORMAT = "surrogate-hpo surrogate"
FORMAT_VERSION = 1


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
            "error_bar": _described(surrogate.error_bar),
            "force_error_bar": _described(surrogate.force_error_bar),
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
        The surrogate, on the CPU.

    Raises
    ------
    DataError
        If the file is missing, damaged, not a surrogate, or of a later format.
    """
    state = read_state(path)
    _check_format(state, path)
    try:
        surrogate = Surrogate(
            models=tuple(SurrogateModel.from_state_dict(model) for model in state["models"]),
            definition=DescriptorDefinition.from_document(state["descriptor"]),
            axis=LdosAxis(state["energy_ev"].numpy(), state["kernel"], state["width_ev"]),
            ions={element: _ion(ion) for element, ion in state["ions"].items()},
            origin=_origin(state),
            known=TrainingRange.from_state_dict(state["descriptor_range"]),
            description=state["description"],
            provenance=state["provenance"],
            # Files of older versions have none.
            error_bar=_bar(state.get("error_bar")),
            force_error_bar=_force_bar(state.get("force_error_bar")),
        )
    except (*OTHER_KIND, SurrogateHpoError) as error:
        lines = (line.strip() for line in f"{type(error).__name__}: {error}".splitlines())
        raise _not_made_here(path, "; ".join(lines)) from error
    if wrong := misfits(surrogate):
        raise _not_made_here(path, f"other contents, or such that do not fit: {', '.join(wrong)}")
    return surrogate


def _not_made_here(path: Path, got: str) -> DataError:
    return DataError(
        "the file lacks what a surrogate has",
        where=str(path),
        got=got,
        remedy="make it again: snakemake results/surrogate/surrogate.pt",
    )


def _check_format(state: Mapping[str, Any], path: Path) -> None:
    if not isinstance(state.get("format"), str) or state["format"] != FORMAT:
        is_model = "surrogate" in state
        raise DataError(
            "the file is no surrogate",
            where=str(path),
            expected="the file that the surrogate stage writes",
            got="the model of one initialisation" if is_model else "another torch file",
            remedy="give results/surrogate/surrogate.pt",
        )
    version = state.get("format_version")
    record = state.get("provenance")
    maker = record.get("package") if isinstance(record, dict) else None
    if not isinstance(version, int) or version != FORMAT_VERSION:
        raise DataError(
            "the surrogate was written by another version of surrogate-hpo",
            where=str(path),
            expected=f"format {FORMAT_VERSION}",
            got=f"format {str(version)[:40]}{f', of {maker}' if maker else ''}",
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


def _described(bar: ErrorBar | ForceErrorBar | None) -> dict[str, Any] | None:
    return None if bar is None else bar.as_document()


def _force_bar(state: Mapping[str, Any] | None) -> ForceErrorBar | None:
    if state is None:
        return None
    return ForceErrorBar(
        spread_factor=state["spread_factor"],
        constant=state["constant_ev_per_angstrom"],
        validation_snapshots=state["validation_snapshots"],
    )


def _bar(state: Mapping[str, Any] | None) -> ErrorBar | None:
    if state is None:
        return None
    return ErrorBar(
        spread_factor=state["spread_factor"],
        constant=state["constant_ev_per_atom"],
        left_out_snapshots=state["left_out_snapshots"],
        validation_snapshots=state["validation_snapshots"],
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
