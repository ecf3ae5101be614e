"""Pair potentials that keep atoms apart where there is no data: Morse and ZBL."""

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]
# e²/(4π ε0) in eV Å with the digits of LAMMPS' metal units: exported files mean the same.
_COULOMB = 14.399645
_ZBL_WEIGHTS = np.array([0.02817, 0.28022, 0.50986, 0.18175])
_ZBL_RATES = np.array([0.20162, 0.40290, 0.94229, 3.19980])
_ZBL_LENGTH, _ZBL_POWER = 0.46850, 0.23


@dataclass(frozen=True)
class Morse:
    r"""Morse potential, shifted so that energy and force end smoothly at the cutoff.

    .. math::
        \phi(r) = D \bigl(e^{-2a(r - r_0)} - 2 e^{-a(r - r_0)}\bigr), \qquad
        \phi(r) - \phi(R) - (r - R)\, \phi'(R)

    Parameters of unlike pairs are the means of those of their elements. These are the numbers of
    LAMMPS' ``pair_style morse/smooth/linear``.

    Attributes
    ----------
    elements
        Chemical symbols, by atomic number.
    depth
        D of each element, eV.
    steepness
        a of each element, 1/Å.
    length
        r_0 of each element, Å.
    cutoff
        R, Å.

    References
    ----------
    Shuaibi et al., Mach. Learn.: Sci. Technol. 2, 025007 (2021), for its use as a prior.
    """

    elements: tuple[str, ...]
    depth: tuple[float, ...]
    steepness: tuple[float, ...]
    length: tuple[float, ...]
    cutoff: float

    def of_pair(self, first: int, second: int) -> tuple[float, float, float]:
        """D (eV), a (1/Å) and r_0 (Å) of a pair of elements."""
        mixed = ((c[first] + c[second]) / 2 for c in (self.depth, self.steepness, self.length))
        depth, steepness, length = mixed
        return depth, steepness, length

    def radial(
        self, first: IndexArray, second: IndexArray, distance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Energy (eV) of each pair within the cutoff, and its slope (eV/Å)."""
        depth, steepness, length = (
            (np.array(each)[first] + np.array(each)[second]) / 2
            for each in (self.depth, self.steepness, self.length)
        )
        energy, slope = _morse(depth, steepness, length, distance)
        end, end_slope = _morse(depth, steepness, length, self.cutoff)
        return energy - end - (distance - self.cutoff) * end_slope, slope - end_slope


def _morse(
    depth: FloatArray, steepness: FloatArray, length: FloatArray, distance: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    wave = np.exp(-steepness * (distance - length))
    return depth * (wave**2 - 2 * wave), 2 * depth * steepness * (wave - wave**2)


@dataclass(frozen=True)
class Zbl:
    r"""Screened repulsion of the nuclei (Ziegler, Biersack, Littmark), switched off smoothly.

    .. math::
        \phi(r) = \frac{Z_i Z_j e^2}{4\pi\varepsilon_0 r}
        \sum_k c_k \exp\Bigl(-d_k \frac{r}{\lambda}\Bigr) + S(r), \qquad
        \lambda = \frac{0.4685}{Z_i^{0.23} + Z_j^{0.23}}

    S is constant up to the inner cutoff, and from there a polynomial that takes energy, force and
    curvature to zero at the outer one: LAMMPS' ``pair_style zbl``.

    Attributes
    ----------
    elements
        Chemical symbols, by atomic number.
    inner
        Where the switching begins, Å.
    cutoff
        Where it ends, Å.
    """

    elements: tuple[str, ...]
    inner: float
    cutoff: float

    @property
    def charges(self) -> FloatArray:
        """Charge number of each element, [elements]."""
        return np.array([float(atomic_numbers[symbol]) for symbol in self.elements])

    def radial(
        self, first: IndexArray, second: IndexArray, distance: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Energy (eV) of each pair within the cutoff, and its slope (eV/Å)."""
        one, other = self.charges[first], self.charges[second]
        energy, slope, _ = _zbl(one, other, distance)
        end, end_slope, end_curve = _zbl(one, other, np.full_like(distance, self.cutoff))
        width = self.cutoff - self.inner
        cubic = (-3 * end_slope + width * end_curve) / width**2
        quartic = (2 * end_slope - width * end_curve) / width**3
        constant = -end + width / 2 * end_slope - width**2 / 12 * end_curve
        into = np.clip(distance - self.inner, 0, None)
        energy = energy + cubic / 3 * into**3 + quartic / 4 * into**4 + constant
        return energy, slope + cubic * into**2 + quartic * into**3


def _zbl(
    one: FloatArray, other: FloatArray, distance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The unswitched energy with its first and second derivative."""
    rates = _ZBL_RATES * ((one**_ZBL_POWER + other**_ZBL_POWER) / _ZBL_LENGTH)[:, None]
    waves = _ZBL_WEIGHTS * np.exp(-rates * distance[:, None])
    screen, first, second = ((waves * (-rates) ** order).sum(axis=1) for order in range(3))
    strength = _COULOMB * one * other / distance
    slope = strength * (first - screen / distance)
    curve = strength * (second - 2 * first / distance + 2 * screen / distance**2)
    return strength * screen, slope, curve


Prior = Morse | Zbl
