"""Sums of falling size as whole numbers of one small step: few bytes where the sums are small."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import DataError

_LARGEST = 2**31 - 1
_WHOLE = (np.int8, np.int16, np.int32)


def to_steps(
    orders: Sequence[NDArray[np.floating]],
) -> tuple[NDArray[np.float64], list[NDArray[np.signedinteger]]]:
    """Round some fields to whole numbers of a step, the same for all of them.

    The step of a plane is its largest value over 2³¹: every field is off by 2.4e-10 of that value
    at most, without bias, so that sums over many points are much better. A field that is smaller
    needs fewer steps, and has the smallest whole numbers that hold them.

    Parameters
    ----------
    orders
        Fields of one unit, [x, y, z] each.

    Returns
    -------
    array, list of array
        The step of each plane, [x], in the unit of the fields; whole numbers, [x, y, z] each, of 1,
        2 or 4 bytes.

    Raises
    ------
    DataError
        If a value is not finite.
    """
    largest = np.max([np.abs(field).max(axis=(1, 2)) for field in orders], axis=0)
    if not np.isfinite(largest).all():
        raise DataError(
            "a network predicts a density that is not finite",
            expected="finite numbers at all points",
            remedy="look at the surrogate, and at warnings about descriptors outside of the "
            "training range",
        )
    step = np.where(largest > 0, largest.astype(np.float64), 1.0) / _LARGEST
    return step, [_smallest(field, step) for field in orders]


def _smallest(field: NDArray[np.floating], step: NDArray[np.float64]) -> NDArray[np.signedinteger]:
    whole = np.rint(field / step[:, None, None])
    kind = next(one for one in _WHOLE if np.abs(whole).max() <= np.iinfo(one).max)
    found: NDArray[np.signedinteger] = whole.astype(kind)
    return found


def from_steps(whole: NDArray[np.signedinteger], step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a field that `to_steps` has rounded, [x, y, z]."""
    found: NDArray[np.float64] = whole * step[:, None, None]
    return found


def step_bytes(sizes: Sequence[float]) -> int:
    """Bytes that `to_steps` needs at a point, of fields of these largest values; the first leads.

    Parameters
    ----------
    sizes
        Bounds of the fields, in any unit.

    Returns
    -------
    int
        Of all fields together.
    """
    counts = [_LARGEST * size / sizes[0] for size in sizes]
    # What is less than half a step is nothing, and nothing takes no room when it is compressed.
    kinds = [
        next((k for k in _WHOLE if count <= np.iinfo(k).max), np.int32)
        for count in counts
        if count >= 0.5
    ]
    return sum(np.dtype(kind).itemsize for kind in kinds)
