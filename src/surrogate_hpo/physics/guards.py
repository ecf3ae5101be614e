"""Checks at the door of the physics, and one formula for arrays of NumPy and of torch."""

import math
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor


Array = TypeVar("Array", "Tensor", "NDArray[Any]")


def namespace(array: Any) -> Any:  # noqa: ANN401
    """Library that an array is of, `torch` or `numpy`; what both call the same is used of it."""
    return sys.modules["torch"] if is_tensor(array) else np


def is_tensor(array: Any) -> bool:  # noqa: ANN401
    """Whether it is one of torch: without torch there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def array_like(values: Any, like: Array) -> Array:  # noqa: ANN401
    """Numbers as an array of the library, type and device of another; gradients stay."""
    xp: Any = namespace(like)
    make = xp.as_tensor if is_tensor(like) else xp.asarray
    found: Array = make(values, dtype=like.dtype, device=like.device)
    return found


def relu(array: Array) -> Array:
    """Positive part; its derivative vanishes at 0."""
    xp = namespace(array)
    found: Array = xp.relu(array) if is_tensor(array) else xp.maximum(array, 0)
    return found


def sigmoid(array: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    xp = namespace(array)
    found: Array = xp.sigmoid(array) if is_tensor(array) else (1 + xp.tanh(array / 2)) / 2
    return found


def softplus(array: Array) -> Array:
    """ln(1 + exp(x)), without overflow."""
    xp = namespace(array)
    found: Array = xp.nn.functional.softplus(array) if is_tensor(array) else xp.logaddexp(0, array)
    return found


LARGEST_TEMPERATURE = 1e7
"""Kelvin; kT of 860 eV. Above it an argument is not a temperature in K."""
SPACING_LIMITS = (1e-4, 5.0)
"""eV; outside of it an energy axis is not one in eV."""
UNIFORMITY_TOLERANCE = 1e-4
"""Of one spacing; lets an axis pass that was stored in float32."""


def check_float64(name: str, array: Array, dimensions: int | None = None) -> None:
    """Refuse anything but a finite float64 array of the given number of dimensions."""
    xp = namespace(array)
    if array.dtype != xp.float64:
        raise DataError(
            f"{name} is not in double precision",
            expected=f"{xp.__name__}.float64",
            got=str(array.dtype),
            remedy=f"pass {name}.{'to' if is_tensor(array) else 'astype'}({xp.__name__}.float64)",
        )
    if dimensions is not None and array.ndim != dimensions:
        raise DataError(
            f"{name} has the wrong number of dimensions",
            expected=f"{dimensions} dimension(s)",
            got=f"shape {tuple(array.shape)}",
        )
    finite = xp.isfinite(array)
    if not bool(finite.all()):
        raise DataError(
            f"{name} holds values that are not finite",
            expected="finite numbers",
            got=f"{int((~finite).sum())} of {math.prod(array.shape)} are NaN or infinite",
        )


def check_cell(cell: "Tensor") -> "Tensor":
    """Volume in Å³ of a cell whose rows are the lattice vectors; refuses a flat cell."""
    check_float64("cell", cell, 2)
    if tuple(cell.shape) != (3, 3):
        raise DataError("cell is not a 3 x 3 matrix", expected="(3, 3)", got=str(tuple(cell.shape)))
    linalg = namespace(cell).linalg
    volume: Tensor = linalg.det(cell).abs()
    if float(volume.detach()) < 1e-6 * float(linalg.norm(cell.detach())) ** 3:
        raise DataError(
            "the cell has no volume",
            expected="three linearly independent lattice vectors in Å, as rows",
            got=f"volume {float(volume.detach()):g} Å³",
        )
    return volume


def check_temperature(temperature: float) -> None:
    """Refuse a temperature that is not positive or cannot be one in kelvin."""
    if not (math.isfinite(temperature) and 0.0 < temperature <= LARGEST_TEMPERATURE):
        raise DataError(
            "the electronic temperature is not a temperature in kelvin",
            expected=f"0 < temperature <= {LARGEST_TEMPERATURE:g} K",
            got=f"{temperature!r} K",
            remedy="give the temperature of the Fermi-Dirac smearing of the DFT run, in K",
        )


def check_broadening_variance(variance: float | None) -> None:
    """Refuse a kernel variance (eV²) that is negative or wider than any useful kernel."""
    if variance is not None and not (math.isfinite(variance) and 0.0 <= variance <= 25.0):
        raise DataError(
            "the variance of the LDOS kernel is not one in eV²",
            expected="0 <= broadening_variance <= 25 eV²",
            got=f"{variance!r} eV²",
            remedy="Gaussian: width²/2, Fermi-Dirac: pi² width²/3, Methfessel-Paxton 1, cold: 0",
        )


def energy_spacing(energy: Array) -> float:
    """Spacing in eV of an energy axis; refuses one that is not uniform or not in eV."""
    check_float64("energy", energy, 1)
    if len(energy) < 3:
        raise DataError(
            "the energy axis is too short", expected="3 points or more", got=str(len(energy))
        )
    values = np.array(energy.tolist())
    spacing = float(values[-1] - values[0]) / (len(values) - 1)
    if not SPACING_LIMITS[0] <= spacing <= SPACING_LIMITS[1]:
        raise DataError(
            "the energy axis is not an ascending one in eV",
            expected=f"a spacing of {SPACING_LIMITS[0]:g} ... {SPACING_LIMITS[1]:g} eV",
            got=f"mean spacing {spacing:g}",
        )
    deviation = np.abs(values - (values[0] + spacing * np.arange(len(values))))
    worst = int(deviation.argmax())
    if float(deviation[worst]) > UNIFORMITY_TOLERANCE * spacing:
        raise DataError(
            "the energy axis is not uniform",
            where=f"index {worst}",
            expected=f"{float(values[0]) + spacing * worst:.8g} eV (spacing {spacing:.8g} eV)",
            got=f"{float(values[worst]):.8g} eV",
            remedy="interpolate the LDOS to a uniform energy axis",
        )
    return spacing
