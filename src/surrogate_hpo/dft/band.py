"""Bands: images between two structures, interpolated, and pulled tight by forces."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.optimize import BFGS
from scipy.optimize import linear_sum_assignment

from surrogate_hpo.dft.options import Interpolation
from surrogate_hpo.errors import DataError

# Longest move of an atom in one step, Å.
_LONGEST_STEP = 0.1
# Relative difference of cells that is rounding of a file.
_ROUNDING = 1e-6
_MOST_NAMED = 3
# An order of the atoms is doubted where another one has a path shorter by this factor.
_DOUBTED = 1.5


def interpolated_band(
    begin: Atoms, end: Atoms, images: int, how: Interpolation, *, where: str | None = None
) -> list[Atoms]:
    """Put images between two structures.

    Atoms go the shortest way through the periodic cell. `idpp` then moves them so that distances
    between atoms change evenly (Smidstrup et al., J. Chem. Phys. 140, 214106 (2014)), which keeps
    atoms apart where a straight way would bring them together.

    Parameters
    ----------
    begin
        Periodic structure, Å.
    end
        The same atoms in the same order and cell.
    images
        Between them, one or more.
    how
        Straight (linear), or idpp.
    where
        What to name in messages.

    Returns
    -------
    list of ase.Atoms
        The images with both ends, `images` + 2 of them.

    Raises
    ------
    DataError
        If the ends differ in more than the places of the atoms, or in nothing.
    """
    check_ends(begin, end, where)
    band = [
        Atoms(begin.symbols, positions=begin.positions, cell=begin.cell, pbc=True)
        for _ in range(images + 2)
    ]
    # On the same side of the cell as the beginning.
    band[-1].positions = begin.positions + _ways(begin, end)
    chain: Any = NEB(band, method="improvedtangent")
    chain.interpolate(method=how, mic=True, apply_constraint=False)
    return band


def check_ends(begin: Atoms, end: Atoms, where: str | None = None) -> None:
    """Raise DataError unless a band can be put between two structures, see `interpolated_band`."""
    fault = _fault(begin, end)
    if fault is not None:
        expected, got, remedy = fault
        raise DataError(
            "no path leads from one end of the band to the other",
            where=where,
            expected=expected,
            got=got,
            remedy=remedy,
        )


def _fault(begin: Atoms, end: Atoms) -> tuple[str, str, str] | None:
    """What is expected of the ends, what they are, and what to do; None if they are fine."""
    if sorted(begin.symbols) != sorted(end.symbols):
        formulas = f"{begin.symbols.formula:metal} and {end.symbols.formula:metal}"
        return "the same atoms at both ends", formulas, "give two states of one structure"
    if (others := np.flatnonzero(begin.numbers != end.numbers)).size:
        named = ", ".join(
            f"atom {i} is {begin.symbols[i]} and {end.symbols[i]}" for i in others[:_MOST_NAMED]
        )
        return "the same order of the atoms at both ends", named, "sort the atoms of one file"
    apart = float(np.abs(begin.cell.array - end.cell.array).max())
    if apart > _ROUNDING * float(np.abs(begin.cell.array).max()):
        return (
            "the same cell at both ends",
            f"lattice vectors that differ by up to {apart:.4g} Å",
            "relax the atoms of both ends in one cell; images keep their cell",
        )
    if not np.linalg.norm(_ways(begin, end), axis=1).max() > _ROUNDING:
        return "two structures", "the same structure twice", "give the other end"
    return None


def doubted_order(begin: Atoms, end: Atoms) -> str | None:
    """Why the order of the atoms of the ends may be wrong, though their elements fit.

    Parameters
    ----------
    begin
        Periodic structure, Å.
    end
        One that `check_ends` accepts beside it.

    Returns
    -------
    str or None
        Lengths of both paths, if atoms of one element were to be taken in another order; None if
        the given order is about as short as any.
    """
    given = float((np.linalg.norm(_ways(begin, end), axis=1) ** 2).sum())
    shortest = 0.0
    for number in set(begin.numbers):
        own = begin.numbers == number
        between = end.positions[own][None] - begin.positions[own][:, None]
        squares = find_mic(between.reshape(-1, 3), begin.cell, pbc=True)[1] ** 2
        costs = squares.reshape(own.sum(), own.sum())
        shortest += float(costs[linear_sum_assignment(costs)].sum())
    if given <= _DOUBTED**2 * max(shortest, _ROUNDING):
        return None
    return (
        f"atoms move by {np.sqrt(given):.2f} Å (root of the sum of squares) along the path, and by "
        f"{np.sqrt(shortest):.2f} Å if those of one element were ordered otherwise"
    )


def pulled_tight(
    band: Sequence[Atoms],
    calculators: Sequence[Calculator],
    *,
    force_threshold: float,
    steps: int,
    climb: bool = True,
    spring: float = 1.0,
    reach: float = math.inf,
) -> bool:
    """Move the images of a band to the path of least energy; the ends stay.

    A nudged elastic band with improved tangents, moved by BFGS (Henkelman et al., J. Chem. Phys.
    113, 9901 and 9978 (2000)).

    Parameters
    ----------
    band
        Both ends and the images between them, Å; images are moved in place.
    calculators
        One for each structure of the band, of energies (eV) and forces (eV/Å); may be the same.
    force_threshold
        Largest force of the band at the end, eV/Å.
    steps
        At most.
    climb
        Whether the highest image goes up to the saddle point.
    spring
        Of neighbouring images, eV/Å².
    reach
        Stops as soon as an atom is farther than this from where it began, Å.

    Returns
    -------
    bool
        Whether the forces are below the threshold.
    """
    for image, calculator in zip(band, calculators, strict=True):
        image.calc = calculator
    chain: Any = NEB(
        list(band),
        k=spring,
        climb=climb,
        method="improvedtangent",
        allow_shared_calculator=len({id(one) for one in calculators}) < len(band),
    )
    quiet: Any = None
    optimizer: Any = BFGS(chain, logfile=quiet, maxstep=_LONGEST_STEP)
    began = [image.positions.copy() for image in band]
    for converged in optimizer.irun(fmax=force_threshold, steps=steps):
        moved = [image.positions - old for image, old in zip(band, began, strict=True)]
        if converged or max(np.linalg.norm(one, axis=1).max() for one in moved) > reach:
            break
    return bool(converged)


def _ways(begin: Atoms, end: Atoms) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Shortest way of each atom through the periodic cell, Å, [atoms, 3]."""
    found = find_mic(end.positions - begin.positions, begin.cell, pbc=True)
    return np.asarray(found[0], np.float64)
