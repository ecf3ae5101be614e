"""Guards of the descriptors: what comes in is checked once, at the door."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from surrogate_hpo.errors import ConfigError, DataError

_MAX_NEIGHBOURS = 100_000
_FLATTEST_CELL = 1e-6


def _finite(name: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.require(values, np.float64, ["C_CONTIGUOUS", "WRITEABLE"])
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` is not an array of numbers.", where=name) from error
    if not np.isfinite(array).all():
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"`{name}` holds a value that is not a finite number.",
            where=f"{name}{list(first)}",
            expected="finite numbers",
            got=str(array[first]),
            remedy="look for a failed or truncated calculation upstream",
        )
    return array


def checked_vectors(name: str, vectors: ArrayLike) -> NDArray[np.float64]:
    """Return finite Cartesian vectors as float64 [n, 3], or raise DataError."""
    array = _finite(name, vectors)
    if array.ndim != 2 or array.shape[1] != 3:
        raise DataError(
            f"`{name}` are not three-dimensional vectors.",
            where=name,
            expected="shape [n, 3], in Å",
            got=f"shape {list(array.shape)}",
        )
    return array


def checked_cell(cell: ArrayLike) -> NDArray[np.float64]:
    """Return the cell vectors as float64 [3, 3], or raise DataError if they span no volume."""
    array = _finite("cell", cell)
    if array.shape != (3, 3):
        raise DataError(
            "The cell is not three vectors.",
            where="cell",
            expected="shape [3, 3], one cell vector per row, in Å",
            got=f"shape {list(array.shape)}",
        )
    lengths = np.linalg.norm(array, axis=1)
    if abs(np.linalg.det(array)) <= _FLATTEST_CELL * lengths.prod():
        raise DataError(
            "The cell vectors span no volume.",
            where="cell",
            expected="three linearly independent vectors, periodic in all directions",
            got=f"volume {np.linalg.det(array):.3g} Å³ at lengths {lengths} Å",
            remedy="give a cell vector to each direction, also to one filled with vacuum",
        )
    return array


def checked_per_atom(
    name: str, values: ArrayLike | None, n_atoms: int, *, absent: float
) -> NDArray[np.float64]:
    """Return one finite number per atom, all the same if absent, or raise DataError."""
    if values is None:
        return np.full(n_atoms, absent)
    array = _finite(name, values)
    if array.shape != (n_atoms,):
        raise DataError(
            f"`{name}` does not give one number per atom.",
            where=name,
            expected=f"shape [{n_atoms}]",
            got=f"shape {list(array.shape)}",
        )
    return array


def checked_cutoffs(
    cutoff_radius: float, radii: NDArray[np.float64], volume: float
) -> NDArray[np.float64]:
    """Return the cutoff of each atom in Å, 2·radius·cutoff_radius."""
    if (
        not isinstance(cutoff_radius, float | int | np.floating)
        or not np.isfinite(cutoff_radius)
        or cutoff_radius <= 0
    ):
        raise ConfigError(
            "The cutoff radius is not a positive length.",
            where="cutoff_radius",
            expected="a number above 0, in Å",
            got=repr(cutoff_radius),
        )
    if np.any(radii <= 0):
        raise ConfigError(
            "A radius is not positive.",
            where=f"radii[{int(np.argmin(radii))}]",
            expected="a factor above 0; 0.5 makes the cutoff that of `cutoff_radius`",
            got=str(np.min(radii)),
        )
    cutoffs = cutoff_radius * (2 * radii)
    neighbours = 4 / 3 * np.pi * (cutoffs**3).sum() / volume
    if neighbours > _MAX_NEIGHBOURS:
        raise ConfigError(
            "The cutoff radius is beyond reason for this cell.",
            where="cutoff_radius",
            expected=f"at most {_MAX_NEIGHBOURS} neighbours per point",
            got=f"about {neighbours:.3g} at {cutoffs.max():g} Å",
            remedy="3 to 8 Å are usual; check that cell and cutoff are both in Å",
        )
    return cutoffs


def checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return float64 or float32, or raise ConfigError."""
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ConfigError(
            "The descriptors cannot be computed in this precision.",
            where="dtype",
            expected="float64 or float32",
            got=kind.name,
        )
    return kind


def check_positive_integer(name: str, value: int) -> None:
    """Raise ConfigError unless `value` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(
            f"`{name}` is not a positive integer.",
            where=name,
            expected="1, 2, 3, …",
            got=repr(value),
        )
