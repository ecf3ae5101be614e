"""Candidates that need no calculation, or that none should be made of: dropped, with reasons."""

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, product

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.selection.features import Features
from surrogate_hpo.selection.space import fit_space

FloatArray = NDArray[np.float64]
# A pair of atomic numbers, the lower first.
Pair = tuple[int, int]
# Neighbouring structures along one axis that are compared with each other.
_AXIS = 0


def closest_pairs(atoms: Atoms, cutoff: float) -> dict[Pair, float]:
    """Shortest distance of each pair of elements in a periodic structure.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    cutoff
        Longer distances are left out, Å.

    Returns
    -------
    dict
        Å, by atomic numbers; pairs that are nowhere within the cutoff are missing.
    """
    cell = atoms.cell.array
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = [int(np.ceil(cutoff / height)) for height in heights]
    images = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    apart = atoms.positions[None] - atoms.positions[:, None]
    # Within half a cell of each other; the images reach the rest.
    apart -= np.rint(apart @ np.linalg.inv(cell)) @ cell
    distances = np.linalg.norm(apart[:, :, None] + images @ cell, axis=3)
    own = np.flatnonzero((images == 0).all(axis=1))
    distances[np.arange(len(atoms)), np.arange(len(atoms)), own] = np.inf
    shortest = distances.min(axis=2)
    found = {}
    for pair in combinations_with_replacement(sorted(set(atoms.numbers)), 2):
        between = shortest[np.ix_(atoms.numbers == pair[0], atoms.numbers == pair[1])].min()
        if between <= cutoff:
            found[int(pair[0]), int(pair[1])] = float(between)
    return found


def shortest_known(known: Sequence[Atoms], cutoff: float) -> dict[Pair, float]:
    """The same over several structures, Å."""
    found: dict[Pair, float] = {}
    for atoms in known:
        for pair, distance in closest_pairs(atoms, cutoff).items():
            found[pair] = min(distance, found.get(pair, np.inf))
    return found


def overlaps(atoms: Atoms, shortest: Mapping[Pair, float], fraction: float) -> str | None:
    """Whether atoms are too close for a calculation to be worth it.

    Parameters
    ----------
    atoms
        Periodic structure, Å.
    shortest
        Shortest distance of each pair of elements in known structures, Å.
    fraction
        Of these, below which a distance is refused.

    Returns
    -------
    str or None
        The reason; None if all distances are longer, or unknown for a pair.
    """
    limits = {pair: fraction * distance for pair, distance in shortest.items()}
    if not limits:
        return None
    for pair, distance in closest_pairs(atoms, max(limits.values())).items():
        if distance < limits.get(pair, 0.0):
            return f"overlap: two atoms at {distance:.2f} Å, shortest known {shortest[pair]:.2f} Å"
    return None


def duplicates(features: Features, known: int, distance: float) -> dict[int, int]:
    """Structures whose descriptors are those of an earlier one.

    Compared are the means over the sites, root mean square over standardised columns; descriptors
    do not change under rotations, shifts and another order or choice of the cell.

    Parameters
    ----------
    features
        Known structures first, then candidates.
    known
        How many are known; they are no duplicates of each other.
    distance
        Up to which two are one, in standard deviations.

    Returns
    -------
    dict
        By structure that is left out, an earlier one that stays.
    """
    space = fit_space(features.rows)
    means = features.mean_of(space.scores(features.rows)) / np.sqrt(len(space.columns))
    order = np.argsort(means[:, _AXIS], kind="stable")
    along = means[order, _AXIS]
    found: dict[int, int] = {}
    # Along one axis nothing is farther apart than in the whole space: few others are looked at.
    near: dict[int, list[int]] = {}
    ends = np.searchsorted(along, along + distance, side="right")
    for place, end in enumerate(ends):
        others = order[place + 1 : end]
        apart = np.linalg.norm(means[others] - means[order[place]], axis=1)
        for other in others[apart <= distance]:
            early, late = sorted((int(order[place]), int(other)))
            near.setdefault(late, []).append(early)
    for late in sorted(near):
        kept = [early for early in sorted(near[late]) if early not in found]
        if late >= known and kept:
            found[late] = kept[0]
    return found


def extrapolation(features: Features, known: int) -> FloatArray:
    """How far out the sites of structures are, in units of the farthest known one.

    Parameters
    ----------
    features
        Known structures first, then candidates.
    known
        How many are known, one or more.

    Returns
    -------
    array [structures]
        Distance of the farthest site of each structure from the mean of the known sites, in
        standard deviations of the known descriptors, over that of the farthest known site.
    """
    sites = int(features.counts[:known].sum())
    space = fit_space(features.rows[:sites])
    out = np.sqrt((space.standardised(features.rows) ** 2).sum(axis=1))
    return np.asarray(features.largest_of(out) / out[:sites].max())
