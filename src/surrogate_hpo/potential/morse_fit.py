"""The Morse potential that comes closest to energies and forces: the prior that data give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from surrogate_hpo.potential.labelled import Labelled, spread_over
from surrogate_hpo.potential.pairs import Pairs, pairs_within
from surrogate_hpo.potential.priors import Morse

FloatArray = NDArray[np.float64]
# r_0 in units of the sum of covalent radii, and a in 1/Å; wide enough for metals and salts.
_LENGTHS = tuple(float(x) for x in np.arange(0.8, 1.45, 0.1))
_STEEPNESS = (1.0, 1.3, 1.7, 2.2, 2.8)
# eV. Below, a Morse potential would keep nothing apart; above, it is no bond.
_DEPTHS = (0.05, 5.0)
# Structures and sweeps over the elements: a prior needs no better.
_STRUCTURES, _SWEEPS = 16, 2


@dataclass(frozen=True)
class _Listed:
    """A structure with its pairs, elements by number, and what is fitted."""

    one: Labelled
    pairs: Pairs
    kinds: NDArray[np.intp]


def fit_morse(data: Sequence[Labelled], elements: tuple[str, ...], cutoff: float) -> Morse:
    r"""Fit a Morse potential per element, with mixing, to energies and forces.

    .. math::
        \frac{1}{\sigma_E^2} \overline{\Bigl(\frac{E - \sum_e N_e c_e}{N}
        - \frac{E_\mathrm{Morse}}{N}\Bigr)^2}
        + \frac{1}{\sigma_F^2} \overline{|\mathbf{F} - \mathbf{F}_\mathrm{Morse}|^2}

    For given lengths and steepnesses it is linear in the depths, which are bounded (0.05 to 5 eV);
    lengths and steepnesses are looked for on a grid, element by element. Up to 16 structures,
    spread over all, are enough for a prior.

    Parameters
    ----------
    data
        Structures with energies, eV, and forces, eV/Å, where they are known.
    elements
        Chemical symbols, by atomic number.
    cutoff
        Å.

    Returns
    -------
    Morse
        The best on the grid.
    """
    listed = [_listed(one, elements, cutoff) for one in spread_over(data, _STRUCTURES)]
    radii = np.array([covalent_radii[atomic_numbers[symbol]] for symbol in elements])
    shapes = [(float(2 * radius * 1.1), _STEEPNESS[1]) for radius in radii]
    best, depths = _depths(listed, elements, shapes, cutoff)
    for _ in range(_SWEEPS if len(elements) > 1 else 1):
        for kind, radius in enumerate(radii):
            for length, steepness in _grid(float(radius)):
                tried = [*shapes[:kind], (length, steepness), *shapes[kind + 1 :]]
                error, found = _depths(listed, elements, tried, cutoff)
                if error < best:
                    best, depths, shapes = error, found, tried
    return _morse(elements, depths, shapes, cutoff)


def _grid(radius: float) -> Iterator[tuple[float, float]]:
    return ((2 * radius * length, a) for length, a in product(_LENGTHS, _STEEPNESS))


def _listed(one: Labelled, elements: tuple[str, ...], cutoff: float) -> _Listed:
    kinds = np.array([elements.index(symbol) for symbol in one.atoms.symbols])
    return _Listed(one, pairs_within(one.atoms, cutoff), kinds)


def _morse(
    elements: tuple[str, ...],
    depths: Sequence[float] | FloatArray,
    shapes: Sequence[tuple[float, float]],
    cutoff: float,
) -> Morse:
    lengths, steepness = zip(*shapes, strict=True)
    return Morse(elements, tuple(map(float, depths)), steepness, lengths, cutoff)


def _depths(
    listed: Sequence[_Listed],
    elements: tuple[str, ...],
    shapes: Sequence[tuple[float, float]],
    cutoff: float,
) -> tuple[float, FloatArray]:
    """The best depths for given shapes, and what remains."""
    from scipy.optimize import lsq_linear  # noqa: PLC0415 - it takes a second to load

    unit = _morse(elements, [1.0] * len(elements), shapes, cutoff)
    energies, forces = zip(*(_rows(one, unit, len(elements)) for one in listed), strict=True)
    counts = np.array([np.bincount(one.kinds, minlength=len(elements)) for one in listed])
    sizes = counts.sum(axis=1)
    rows = np.hstack([np.array(energies), counts]) / sizes[:, None]
    target = np.array([one.one.energy for one in listed]) / sizes
    known = [one.one.forces is not None for one in listed]
    pulled = [np.ravel(one.one.forces) for one in listed if one.one.forces is not None]
    weight = 1 / (np.sqrt(len(target)) * max(float(np.std(target)), 1e-3))
    blocks, targets = [weight * rows], [weight * target]
    if pulled:
        given = np.concatenate(pulled)
        weight = 1 / (np.sqrt(len(given)) * max(float(np.sqrt(np.mean(given**2))), 1e-3))
        block = np.vstack([f for f, is_known in zip(forces, known, strict=True) if is_known])
        blocks.append(weight * np.hstack([block, np.zeros((len(block), len(elements)))]))
        targets.append(weight * given)
    free = np.full(len(elements), np.inf)
    low = np.concatenate([np.full(len(elements), _DEPTHS[0]), -free])
    high = np.concatenate([np.full(len(elements), _DEPTHS[1]), free])
    found = lsq_linear(np.vstack(blocks), np.concatenate(targets), (low, high))
    return float(found.cost), np.asarray(found.x[: len(elements)])


def _rows(listed: _Listed, unit: Morse, count: int) -> tuple[FloatArray, FloatArray]:
    """Energy and forces per unit of depth of each element, [elements] and [3 N, elements]."""
    pairs = listed.pairs
    first, second = listed.kinds[pairs.first], listed.kinds[pairs.second]
    energy, slope = unit.radial(first, second, pairs.distance)
    energies, forces = np.empty(count), np.empty((3 * len(listed.kinds), count))
    for kind in range(count):
        # The depth of a pair is the mean of those of its elements.
        share = ((first == kind).astype(float) + (second == kind)) / 2
        energies[kind] = (share * energy).sum() / 2
        forces[:, kind] = pairs.forces(share * slope, len(listed.kinds)).ravel()
    return energies, forces
