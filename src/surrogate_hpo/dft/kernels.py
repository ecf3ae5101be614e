r"""Broadening kernels in Quantum ESPRESSO's convention.

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
