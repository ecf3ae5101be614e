"""Averages of a periodic field along a cell vector."""

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.errors import ConfigError

FloatArray = NDArray[np.float64]


def macroscopic_average(profile: FloatArray, height: float, period: float) -> FloatArray:
    r"""Average a planar average over a period, so that the layers of atoms vanish from it.

    .. math::
        \bar{\bar f}(z) = \frac1\lambda \int_{z-\lambda/2}^{z+\lambda/2} \bar f(z')\,\mathrm dz'

    (Baldereschi, Baroni and Resta, Phys. Rev. Lett. 61, 734 (1988)), of the Fourier series of the
    profile: each of its waves m is multiplied by sinc(m λ/H). Its mean stays, to rounding, and a
    wave whose length divides λ vanishes. Where λ differs from the spacing of the layers, part of
    their waves is left.

    Parameters
    ----------
    profile
        Means over the planes, evenly spaced from 0 to the height, which is not among them.
    height
        Of the cell along the planes' normal, Å: H.
    period
        λ, Å; the spacing of the layers of atoms, or of the two materials.

    Returns
    -------
    array
        In the unit of the profile, of its shape.

    Raises
    ------
    ConfigError
        If the period is not a length above 0, up to the height.
    """
    require_period(period, height)
    waves = np.arange(len(profile) // 2 + 1)
    damped = np.fft.rfft(profile) * np.sinc(waves * period / height)
    return np.asarray(np.fft.irfft(damped, len(profile)), np.float64)


def require_period(period: float, height: float) -> None:
    """Raise ConfigError unless a period, Å, is above 0 and up to the height of the cell."""
    if not 0 < period <= height * (1 + 1e-9):
        raise ConfigError(
            "the period of the macroscopic average makes no sense",
            where="macroscopic-angstrom",
            expected=f"more than 0, up to the height of the cell, {height:.4f} Å",
            got=f"{period:g} Å",
        )
