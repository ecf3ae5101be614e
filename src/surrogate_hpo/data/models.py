"""Torch files: trained models and checkpoints, read without unpickling code."""

import pickle
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from surrogate_hpo.descriptors.definition import DescriptorDefinition
from surrogate_hpo.dft.ldos_axis import HasLdosAxis, LdosAxis
from surrogate_hpo.errors import REMAKE, DataError, SurrogateHpoError
from surrogate_hpo.files.atomic import replacing
from surrogate_hpo.files.torch_checks import check_container, check_tensors
from surrogate_hpo.networks.model import SurrogateModel

OTHER_KIND = (LookupError, AttributeError, TypeError, ValueError, RuntimeError, ArithmeticError)
"""What Python and torch raise where a value that was read is of another kind than expected."""


@dataclass(frozen=True)
class LeftOut:
    """What a network makes of training snapshots that are left out of the last layer's fit.

    Attributes
    ----------
    energies
        Total free energy of DFT minus prediction, eV/atom, `[snapshot]`.
    force_rmse
        Root mean square error of a component of the forces, eV/Å; NaN if there are none.
    strength
        How much energies and forces count in the fit; 0 if the layer is as it was trained.
    ridge
        Its ridge.
    """

    energies: NDArray[np.float64]
    force_rmse: float
    strength: float
    ridge: float


@dataclass(frozen=True)
class TrainedModel(HasLdosAxis):
    """A model and what it must be fed and read with.

    Attributes
    ----------
    surrogate
        Network and scalers: descriptors -> LDOS in 1/(eV Å³).
    axis
        Energies and broadening of the LDOS that it was trained on.
    definition
        The descriptor that it must be fed.
    left_out
        Errors of left-out energies and forces; None if the last layer was not fitted to them.
    """

    surrogate: SurrogateModel
    axis: LdosAxis
    definition: DescriptorDefinition
    left_out: LeftOut | None = None


def write_model(path: Path, model: TrainedModel, provenance: Mapping[str, Any]) -> None:
    """Write a model atomically: tensors, numbers and strings only."""
    write_state(
        path,
        {
            "surrogate": model.surrogate.state_dict(),
            "energy_ev": torch.from_numpy(model.energy),
            "kernel": model.kernel,
            "width_ev": model.width,
            "descriptor": model.definition.as_document(),
            "left_out": None if model.left_out is None else _left_out_state(model.left_out),
            "provenance": dict(provenance),
        },
    )


def read_model(path: Path) -> TrainedModel:
    """Read a model.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    TrainedModel
        The model, on the CPU.

    Raises
    ------
    DataError
        If the file is missing, damaged, no model, or holds anything but plain data.
    """
    state = read_state(path)
    try:
        return TrainedModel(
            surrogate=SurrogateModel.from_state_dict(state["surrogate"]),
            axis=LdosAxis(
                energy=np.asarray(state["energy_ev"].numpy(), dtype=np.float64),
                kernel=str(state["kernel"]),
                width=float(state["width_ev"]),
            ),
            definition=DescriptorDefinition.from_document(state["descriptor"]),
            # Files of older versions have none.
            left_out=_left_out(state.get("left_out")),
        )
    except (*OTHER_KIND, SurrogateHpoError) as error:
        raise _not_plain(path, error) from error


def _left_out_state(left_out: LeftOut) -> dict[str, Any]:
    return {
        "energies_ev_per_atom": torch.from_numpy(left_out.energies),
        "force_rmse_ev_per_angstrom": left_out.force_rmse,
        "strength": left_out.strength,
        "ridge": left_out.ridge,
    }


def _left_out(state: Mapping[str, Any] | None) -> LeftOut | None:
    if state is None:
        return None
    return LeftOut(
        energies=state["energies_ev_per_atom"].numpy(),
        force_rmse=float(state["force_rmse_ev_per_angstrom"]),
        strength=float(state["strength"]),
        ridge=float(state["ridge"]),
    )


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a mapping of tensors and plain values atomically."""
    with replacing(path) as partial:
        torch.save(dict(state), partial)


def read_state(path: Path) -> dict[str, Any]:
    """Read what `write_state` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        The mapping, tensors on the CPU.

    Raises
    ------
    DataError
        If the file is missing, damaged, or holds anything but plain data.
    """
    try:
        check_container(path)
        state = torch.load(path, weights_only=True, map_location="cpu")
        check_tensors(state)
    except FileNotFoundError as error:
        raise DataError("the file is missing", where=str(path)) from error
    except pickle.UnpicklingError as error:
        # torch's own message advises to load it without this protection.
        refused = TypeError("objects or code of other programs, which were not loaded")
        raise _not_plain(path, refused) from error
    except (*OTHER_KIND, OSError, EOFError, MemoryError, zlib.error, zipfile.BadZipFile) as error:
        raise _not_plain(path, error) from error
    if not isinstance(state, dict):
        raise _not_plain(path, TypeError(type(state).__name__))
    return state


def _not_plain(path: Path, error: Exception) -> DataError:
    return DataError(
        "the file is damaged, or not one that this program wrote",
        where=str(path),
        expected="tensors, numbers and strings",
        got=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
        remedy=REMAKE,
    )
