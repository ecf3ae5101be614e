"""Classes of structures by their number of atoms and their temperature, few enough to be read."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# More classes can neither be told apart on an axis nor judged one by one: temperatures are then
# gathered in bands of so many kelvin, as narrow as that allows.
_MOST_CLASSES, _BANDS = 10, (100, 200, 500, 1000, 10000)


def banded(classes: Sequence[str]) -> NDArray[np.str_]:
    """Classes as they are, or with temperatures in bands where there are too many.

    Parameters
    ----------
    classes
        Such as ``8 atoms, 1164.01 K``, one per structure.

    Returns
    -------
    array of str
        Such as ``8 atoms, 1100-1200 K``, in the same order.
    """
    found = np.array(classes)
    for width in _BANDS:
        if len(set(found)) <= _MOST_CLASSES:
            break
        found = np.array([_in_band(name, width) for name in classes])
    return found


def numbers_of(name: str) -> list[str]:
    """Number of atoms and temperature of a class, for its place in the order."""
    words = name.replace(",", "").replace("-", " ").split()
    return [word for word in words if word.replace(".", "").isdigit()]


def _in_band(name: str, width: int) -> str:
    atoms, *temperature = numbers_of(name)
    if not temperature:
        return name
    low = int(float(temperature[0]) // width) * width
    return f"{atoms} atoms, {low}-{low + width} K"
