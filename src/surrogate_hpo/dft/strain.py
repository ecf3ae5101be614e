"""Strained cells: what a network has to see in order to know a stress."""

import numpy as np
from ase import Atoms
from numpy.typing import NDArray


def deformed(atoms: Atoms, deformation: NDArray[np.float64]) -> Atoms:
    """Take the cell and its atoms along with a deformation of space.

    Parameters
    ----------
    atoms
        The structure, Å.
    deformation
        F of r → r F, shape (3, 3).

    Returns
    -------
    ase.Atoms
        A deformed copy.
    """
    changed: Atoms = atoms.copy()
    changed.set_cell(atoms.cell[:] @ deformation)
    changed.positions = atoms.positions @ deformation
    return changed


def strained(atoms: Atoms, percent: float) -> Atoms:
    """Stretch a cell and its atoms alike along all directions.

    Parameters
    ----------
    atoms
        The structure, Å.
    percent
        Change of all lengths in percent; negative where it is compressed.

    Returns
    -------
    ase.Atoms
        A stretched copy.
    """
    return deformed(atoms, (1 + percent / 100) * np.eye(3))


def randomly_strained(atoms: Atoms, percent: float, *, seed: int) -> Atoms:
    r"""Strain a cell and its atoms at random, its angles as well as its lengths.

    r → r (1 + ε) with the symmetric :math:`\varepsilon = (x + x^T)/2` of normal numbers :math:`x`
    of standard deviation s: :math:`\langle\varepsilon_{aa}^2\rangle = s^2` and
    :math:`\langle\varepsilon_{ab}^2\rangle = s^2/2`, so that the distribution is the same in all
    coordinate systems (the Gaussian orthogonal ensemble).

    Parameters
    ----------
    atoms
        The structure, Å.
    percent
        s in percent.
    seed
        Of the random numbers.

    Returns
    -------
    ase.Atoms
        A strained copy.
    """
    numbers = np.random.default_rng(seed).normal(scale=percent / 100, size=(3, 3))
    return deformed(atoms, np.eye(3) + (numbers + numbers.T) / 2)
