"""What is wrong with an LDOS of unknown origin: the unit by its factor, the axes by the atoms."""

import math
from collections.abc import Sequence
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV

FloatArray = NDArray[np.float64]

_ENERGIES = {"eV": 1.0, "Ry": RYDBERG_EV, "Hartree": HARTREE_EV}
_VOLUMES = {"Å³": 1.0, "bohr³": BOHR_ANGSTROM**3}
_SPINS = {"": 1.0, ", with one spin only": 0.5, ", with the spin counted twice": 2.0}
# A count of electrons is right to about this; factors that are closer cannot be told apart.
_SAME_FACTOR = 0.012

# Wave vectors up to here, 1/Å, show where the atoms of any metal are; no more than so many along
# each axis, so that large cells stay cheap.
_LONGEST, _MOST_WAVES = 6.0, 20
_WIDTHS_ANGSTROM = (0.25, 0.5, 0.8)


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


def axis_misfits(
    density: FloatArray, cell: FloatArray, positions: FloatArray, species: Sequence[str]
) -> dict[tuple[int, int, int], float]:
    r"""How badly the density, with its axes reordered, is explained by atoms at their places.

    For each order of the axes, the Fourier coefficients are fitted by smeared atoms,

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
        Order of axes -> share of the squared norm that is not explained, 0 to 1. The key
        (2, 1, 0) means that `density.transpose(2, 1, 0)` is on the grid. Only orders that keep
        the shape.
    """
    shape = density.shape
    orders = [o for o in permutations(range(3)) if tuple(shape[i] for i in o) == shape]
    reach = [
        min((n - 1) // 2, math.ceil(_LONGEST * length / (2 * np.pi)), _MOST_WAVES)
        for n, length in zip(shape, np.linalg.norm(cell, axis=1), strict=True)
    ]
    waves = [np.arange(-m, m + 1) for m in reach]
    atoms = _smeared_atoms(waves, cell, positions, species)
    transform = np.fft.fftn(density)
    misfits: dict[tuple[int, int, int], float] = {}
    for first, second, third in orders:
        order = (first, second, third)
        coefficients = transform.transpose(order)[np.ix_(*waves)].ravel()
        coefficients[coefficients.size // 2] = 0  # G = 0, the number of electrons
        target = np.concatenate([coefficients.real, coefficients.imag])
        solution, *_ = np.linalg.lstsq(atoms, target, rcond=None)
        rest = target - atoms @ solution
        misfits[order] = float(rest @ rest / max(target @ target, np.finfo(float).tiny))
    return misfits


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
