"""What is wrong with an LDOS of unknown origin: the unit by its factor, the axes by the atoms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_ENERGIES = {"eV": 1.0, "Ry": RYDBERG_EV, "Hartree": HARTREE_EV}
_VOLUMES = {"Å³": 1.0, "bohr³": BOHR_ANGSTROM**3}
_SPINS = {"": 1.0, ", with one spin only": 0.5, ", with the spin counted twice": 2.0}
# A count of electrons is right to about this; factors that are closer cannot be told apart.
_SAME_FACTOR = 0.012

# Wave vectors up to here, 1/Å, show where the atoms of any metal are; no more than so many along
# each axis, so that large cells stay cheap.
_LONGEST, _MOST_WAVES = 6.0, 20
_WIDTHS_ANGSTROM = (0.25, 0.5, 0.8)
# Smeared atoms that differ by less from others are no columns of their own.
_SAME_COLUMN = 1e-9
# Misfits within this ratio are those of equivalent arrangements.
_ALIKE = 1.01


def unit_of_factor(factor: float) -> list[tuple[str, float]]:
    """Units in which an LDOS would be too large by a factor.

    Parameters
    ----------
    factor
        LDOS over that in 1/(eV Å³), spin included; all positive.

    Returns
    -------
    list of tuple
        Name of the unit and its exact factor, the likeliest first; several where they cannot be
        told apart, such as 1/(Ry bohr³) (2.016) and a spin counted twice (2). Empty if no unit
        explains the factor.
    """
    candidates = [
        (
            f"1/({energy} {volume}){spin}",
            e * v * s,
            (energy != "eV") + (volume != "Å³") + 2 * (s != 1),
        )
        for (energy, e), (volume, v), (spin, s) in product(
            _ENERGIES.items(), _VOLUMES.items(), _SPINS.items()
        )
        if (energy, volume, spin) != ("eV", "Å³", "")
    ]
    if not (math.isfinite(factor) and factor > 0):
        return []
    close = [c for c in candidates if abs(math.log(c[1] / factor)) < _SAME_FACTOR]
    close.sort(key=lambda c: (c[2], abs(math.log(c[1] / factor))))
    return [(name, value) for name, value, _ in close]


@dataclass(frozen=True)
class Arrangement:
    """What has to be done to an array, in this order, for it to lie on the grid.

    Attributes
    ----------
    order
        Axes to transpose it by.
    reversed_axes
        Axes that run backwards.
    shifted_axes
        Axes whose origin lies in the middle of the cell.
    """

    order: tuple[int, int, int] = (0, 1, 2)
    reversed_axes: tuple[int, ...] = ()
    shifted_axes: tuple[int, ...] = ()

    @property
    def steps(self) -> list[str]:
        """In words, with what NumPy has for it."""
        changes = []
        if self.order != (0, 1, 2):
            changes.append(f"transpose it by {self.order}")
        if self.reversed_axes:
            changes.append(f"reverse {_named(self.reversed_axes)} (numpy.flip)")
        if self.shifted_axes:
            changes.append(
                f"shift {_named(self.shifted_axes)} by half the cell (numpy.fft.ifftshift)"
            )
        return changes

    def applied(self, transform: ComplexArray, waves: Sequence[NDArray[np.intp]]) -> ComplexArray:
        """Fourier coefficients of the rearranged array at some waves, from those of the array."""
        coefficients = transform.transpose(self.order)[np.ix_(*waves)]
        for axis, numbers in enumerate(waves):
            phase = np.zeros(len(numbers))
            size = transform.shape[self.order[axis]]
            if axis in self.reversed_axes:
                coefficients = np.flip(coefficients, axis)
                phase += numbers / size
            if axis in self.shifted_axes:
                phase += numbers * (size // 2) / size
            shape = [-1 if other == axis else 1 for other in range(3)]
            coefficients = coefficients * np.exp(2j * np.pi * phase).reshape(shape)
        return coefficients


def _named(axes: Sequence[int]) -> str:
    return "axis " + " and ".join("xyz"[axis] for axis in axes)


def axis_misfits(
    density: FloatArray, cell: FloatArray, positions: FloatArray, species: Sequence[str]
) -> dict[Arrangement, float]:
    r"""How badly the density, rearranged, is explained by atoms at their places.

    For each order and direction of the axes, and with the origin in a corner or in the middle of
    the cell, the Fourier coefficients are fitted by smeared atoms,

    .. math::
        n(G) \approx \sum_{s,w} c_{sw}\, e^{-w^2 G^2/2} \sum_{i \in s} e^{-i G \cdot r_i}

    over species s and a few widths w, by least squares without G = 0. A density does not consist
    of Gaussian atoms, but with its axes in a wrong order it fits them much worse, also where grid
    and cell are cubic, as long as the atoms are not at symmetric sites.

    Parameters
    ----------
    density
        Electron density on the grid, any unit, [x, y, z].
    cell
        Cell vectors as rows, Å.
    positions
        Of the atoms, Å, [N, 3].
    species
        Chemical symbols.

    Returns
    -------
    dict
        Arrangement -> share of the squared norm that is not explained, 0 to 1, the simplest
        first. Only orders that keep the shape.
    """
    shape = density.shape
    reach = [
        min((n - 1) // 2, math.ceil(_LONGEST * length / (2 * np.pi)), _MOST_WAVES)
        for n, length in zip(shape, np.linalg.norm(cell, axis=1), strict=True)
    ]
    waves = [np.arange(-m, m + 1) for m in reach]
    columns, singular, _ = np.linalg.svd(
        _smeared_atoms(waves, cell, positions, species), full_matrices=False
    )
    columns = columns[:, singular > _SAME_COLUMN * singular[0]]
    transform = np.fft.fftn(density)
    misfits = {}
    for arrangement in _arrangements(shape):
        coefficients = arrangement.applied(transform, waves).ravel()
        coefficients[coefficients.size // 2] = 0  # G = 0, the number of electrons
        target = np.concatenate([coefficients.real, coefficients.imag])
        explained = columns.T @ target
        norm = max(float(target @ target), np.finfo(float).tiny)
        misfits[arrangement] = float(1 - explained @ explained / norm)
    return misfits


def best_arrangement(misfits: Mapping[Arrangement, float]) -> Arrangement:
    """The simplest of those that fit best: where atoms repeat, several fit alike.

    Parameters
    ----------
    misfits
        As `axis_misfits` returns them.

    Returns
    -------
    Arrangement
        One of the keys.
    """
    limit = min(misfits.values()) * _ALIKE
    return next(arrangement for arrangement, misfit in misfits.items() if misfit <= limit)


def _arrangements(shape: tuple[int, ...]) -> list[Arrangement]:
    """All of them, those of the fewest steps first."""
    subsets = [axes for count in range(4) for axes in combinations(range(3), count)]
    orders = [
        (first, second, third)
        for first, second, third in permutations(range(3))
        if (shape[first], shape[second], shape[third]) == shape
    ]
    found = [Arrangement(*choice) for choice in product(orders, subsets, subsets)]
    return sorted(
        found, key=lambda a: (len(a.steps), len(a.reversed_axes) + len(a.shifted_axes), a.order)
    )


def _smeared_atoms(
    waves: Sequence[NDArray[np.intp]],
    cell: FloatArray,
    positions: FloatArray,
    species: Sequence[str],
) -> FloatArray:
    """Columns to fit with, [2 · waves, species · widths], real parts above imaginary ones."""
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    vectors = np.stack(np.meshgrid(*waves, indexing="ij"), axis=-1) @ reciprocal
    square = np.einsum("xyzc,xyzc->xyz", vectors, vectors)
    scaled = positions @ np.linalg.inv(cell)
    columns = []
    for symbol in sorted(set(species)):
        chosen = scaled[[s == symbol for s in species]]
        phases = [np.exp(-2j * np.pi * np.outer(chosen[:, i], waves[i])) for i in range(3)]
        plane = np.einsum("ax,ay->axy", phases[0], phases[1]).reshape(len(chosen), -1)
        structure = (plane.T @ phases[2]).reshape(square.shape)
        for width in _WIDTHS_ANGSTROM:
            column = (structure * np.exp(-(width**2) * square / 2)).ravel()
            column[column.size // 2] = 0
            columns.append(np.concatenate([column.real, column.imag]))
    return np.stack(columns, axis=1)
