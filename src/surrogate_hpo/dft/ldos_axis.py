"""The axis of a local density of states: its energies, and how its levels are broadened.

A level at energy eps contributes K(E - eps) = delta(x) / width with x = (E - eps) / width, where
`width` is `degauss_ldos` of pp.x in eV. All kernels integrate to one.

=====================  =============================================  ====================
name                   delta(x)                                       variance / width^2
=====================  =============================================  ====================
gaussian               exp(-x^2) / sqrt(pi)                           1/2
fermi_dirac            1 / (4 cosh^2(x/2))                            pi^2/3
methfessel_paxton_1    (3/2 - x^2) exp(-x^2) / sqrt(pi)               0
cold                   (2 - sqrt(2) x) exp(-(x - 1/sqrt(2))^2)        0
                       / sqrt(pi)
=====================  =============================================  ====================

Sources: Methfessel and Paxton, Phys. Rev. B 40, 3616 (1989), eq. 13; Marzari, Vanderbilt,
De Vita and Payne, Phys. Rev. Lett. 82, 3296 (1999), eq. 5 (the sign of x as in pp.x).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surrogate_hpo.errors import ConfigError

FloatArray = NDArray[np.float64]

KernelName = Literal["gaussian", "fermi_dirac", "methfessel_paxton_1", "cold"]


def _gaussian(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-(x**2)) / np.sqrt(np.pi))


def _fermi_dirac(x: FloatArray) -> FloatArray:
    # Even in x: exp(-|x|) never overflows.
    decay = np.exp(-np.abs(x))
    return np.asarray(decay / (1 + decay) ** 2)


def _methfessel_paxton_1(x: FloatArray) -> FloatArray:
    return np.asarray((1.5 - x**2) * _gaussian(x))


def _cold(x: FloatArray) -> FloatArray:
    return np.asarray((2 - np.sqrt(2) * x) * _gaussian(x - 1 / np.sqrt(2)))


@dataclass(frozen=True)
class _Kernel:
    """A kernel, its variance in widths², and where its tails have fallen below 1e-5."""

    function: Callable[[FloatArray], FloatArray]
    variance: float
    reach: float


_KERNELS = {
    "gaussian": _Kernel(_gaussian, 0.5, 3.02),
    "fermi_dirac": _Kernel(_fermi_dirac, np.pi**2 / 3, 11.52),
    "methfessel_paxton_1": _Kernel(_methfessel_paxton_1, 0.0, 3.38),
    "cold": _Kernel(_cold, 0.0, 3.93),
}
KERNEL_NAMES = tuple(_KERNELS)


def _kernel(name: str) -> _Kernel:
    if name not in _KERNELS:
        raise ConfigError(
            "unknown broadening kernel",
            expected=f"one of {', '.join(KERNEL_NAMES)}",
            got=repr(name),
        )
    return _KERNELS[name]


def kernel(name: str, x: ArrayLike) -> FloatArray:
    """Evaluate a kernel at reduced energies.

    Parameters
    ----------
    name
        One of `KERNEL_NAMES`.
    x
        (E - eps) / width, any shape, dimensionless.

    Returns
    -------
    numpy.ndarray
        delta(x), shape of `x`; divide by the width for 1/eV.

    Raises
    ------
    ConfigError
        The kernel does not exist.
    """
    return _kernel(name).function(np.asarray(x, dtype=np.float64))


def kernel_variance(name: str, width: float) -> float:
    """Second moment of a kernel, which sets the bias of energies of an LDOS.

    Parameters
    ----------
    name
        One of `KERNEL_NAMES`.
    width
        Width in eV.

    Returns
    -------
    float
        Integral of E² K(E) in eV²; zero for Methfessel-Paxton and cold smearing.

    Raises
    ------
    ConfigError
        The kernel does not exist.
    """
    return _kernel(name).variance * width**2


def kernel_reach(name: str) -> float:
    """Distance from a level beyond which its kernel has less than 1e-5 of a state on either side.

    An energy window must begin this many widths below the lowest band, or electrons are lost.

    Parameters
    ----------
    name
        One of `KERNEL_NAMES`.

    Returns
    -------
    float
        The distance in widths.

    Raises
    ------
    ConfigError
        The kernel does not exist.
    """
    return _kernel(name).reach


@dataclass(frozen=True)
class LdosAxis:
    """What two LDOS must have in common to be learnt together, or compared.

    Attributes
    ----------
    energy
        `[energy]`, eV, uniform.
    kernel
        Broadening kernel, e.g. `gaussian`.
    width
        Kernel width in eV (QE's degauss convention).
    """

    energy: NDArray[np.float64]
    kernel: str
    width: float

    @property
    def broadening_variance(self) -> float:
        """Variance of the kernel, eV²."""
        return kernel_variance(self.kernel, self.width)

    def agrees(self, other: "LdosAxis", *, tolerance: float | None = None) -> bool:
        """Whether another axis is this one, rounding of the energies apart.

        Parameters
        ----------
        other
            The other.
        tolerance
            Largest difference of an energy, and of the width, in eV, where a file has printed
            them; by default, only rounding of the energies is forgiven.

        Returns
        -------
        bool
            False if kernel, width, number of energies or an energy differ.
        """
        if self.energy.shape != other.energy.shape or self.kernel != other.kernel:
            return False
        if tolerance is None:
            return bool(np.allclose(self.energy, other.energy)) and self.width == other.width
        off = max(float(np.abs(self.energy - other.energy).max()), abs(self.width - other.width))
        return off <= tolerance

    def __str__(self) -> str:
        window = f"{self.energy[0]:g}..{self.energy[-1]:g} eV in {len(self.energy)} points"
        return f"{window}, {self.kernel} {self.width:g} eV"


class HasLdosAxis:
    """What lives on an axis, and tells of it."""

    axis: LdosAxis

    @property
    def energy(self) -> NDArray[np.float64]:
        """Energies in eV, `[energy]`."""
        return self.axis.energy

    @property
    def kernel(self) -> str:
        """Broadening kernel."""
        return self.axis.kernel

    @property
    def width(self) -> float:
        """Its width in eV."""
        return self.axis.width
