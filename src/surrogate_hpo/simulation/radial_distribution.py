r"""Radial distribution of the atoms of a trajectory.

.. math::
    g(r) = \frac{V}{N^2} \, \frac{n(r)}{\tfrac{4}{3}\pi (r_+^3 - r_-^3)}

with the number n of ordered pairs, periodic images included, whose distance lies in the bin from
:math:`r_-` to :math:`r_+`: 1 where atoms are distributed evenly.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from surrogate_hpo.run.interface import require_option

FloatArray = NDArray[np.float64]
BIN_ANGSTROM = 0.1
_BLOCKS = 4
# Of the distances that are looked at; beyond, tables and pair lists grow without telling more.
_SHORTEST, _LONGEST = 1.0, 30.0


@dataclass(frozen=True)
class RadialDistribution:
    """Mean over structures.

    Attributes
    ----------
    distances
        Middle of each bin, Å.
    values
        g of each bin.
    standard_errors
        Standard error of the mean, from four blocks of consecutive structures; NaN with fewer
        than eight structures. It is too small where blocks are no longer than the structure
        remembers.
    structures
        How many there are.
    """

    distances: FloatArray
    values: FloatArray
    standard_errors: FloatArray
    structures: int


def radial_distribution(
    frames: Iterable[Atoms], largest_distance: float, *, width: float = BIN_ANGSTROM
) -> RadialDistribution:
    """Compute the radial distribution of all atoms, whatever their elements.

    Parameters
    ----------
    frames
        Periodic structures, Å, in the order of time; one or more.
    largest_distance
        Where to stop, Å. Beyond half the width of the cell its images are counted, too.
    width
        Of a bin, Å; the last one ends at or before the largest distance.

    Returns
    -------
    RadialDistribution
        The mean over the structures.

    Raises
    ------
    ConfigError
        If the largest distance makes no sense.
    """
    require_distance(largest_distance)
    edges = np.asarray(width * np.arange(int(largest_distance / width + 1e-9) + 1), np.float64)
    each = np.array([_of_one(frame, edges) for frame in frames])
    return RadialDistribution(
        distances=(edges[1:] + edges[:-1]) / 2,
        values=each.mean(axis=0),
        standard_errors=_standard_errors(each),
        structures=len(each),
    )


def require_distance(largest_distance: float) -> None:
    """Raise ConfigError if a largest distance, Å, makes no sense."""
    sane = _SHORTEST <= largest_distance <= _LONGEST
    allowed = f"{_SHORTEST:g} to {_LONGEST:g} Å"
    require_option(sane, "rdf-largest-distance-angstrom", allowed, largest_distance)


def _of_one(atoms: Atoms, edges: FloatArray) -> FloatArray:
    counts, _ = np.histogram(neighbor_list("d", atoms, float(edges[-1])), edges)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    found: FloatArray = counts * atoms.get_volume() / (len(atoms) ** 2 * shells)
    return found


def _standard_errors(each: FloatArray) -> FloatArray:
    if len(each) < 2 * _BLOCKS:
        return np.full(each.shape[1], np.nan)
    blocks = np.array([block.mean(axis=0) for block in np.array_split(each, _BLOCKS)])
    return np.asarray(blocks.std(axis=0, ddof=1) / np.sqrt(_BLOCKS), np.float64)
