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


def duplicates(features: Features, known: int, distance: float | FloatArray) -> dict[int, int]:
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
        Up to which a later structure is one with an earlier one, in standard deviations; a number,
        or one for each earlier structure, [structures].

    Returns
    -------
    dict
        By structure that is left out, an earlier one that stays.
    """
    space = fit_space(features.rows)
    means = features.mean_of(space.scores(features.rows)) / np.sqrt(len(space.columns))
    limits = np.broadcast_to(np.asarray(distance, np.float64), len(means))
    # Along one axis nothing is farther apart than in the whole space: few others are looked at.
    order = np.argsort(means[:, 0], kind="stable")
    along = means[order, 0]
    begins = np.searchsorted(along, means[:, 0] - limits, side="left")
    ends = np.searchsorted(along, means[:, 0] + limits, side="right")
    found: dict[int, int] = {}
    for early in range(len(means)):
        if early in found:
            continue
        others = order[begins[early] : ends[early]]
        apart = np.linalg.norm(means[others] - means[early], axis=1)
        for late in others[apart <= limits[early]]:
            if late > early and late >= known:
                found.setdefault(int(late), early)
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
