"""Local density of states and electron density from orbital densities."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.kernels import kernel as evaluate_kernel
from surrogate_hpo.errors import ConfigError, DataError

FloatArray = NDArray[np.float64]
RealArray = NDArray[np.float32] | NDArray[np.float64]

# Grid points per matrix product: keeps the workspace at some 30 MB for 200 energies.
_SLAB = 16384


def ldos_from_bands(
    *,
    orbital_densities: Iterable[RealArray],
    eigenvalues: FloatArray,
    k_weights: FloatArray,
    energy: FloatArray,
    kernel: str,
    width: float,
) -> NDArray[np.float32]:
    """Sum the broadened orbital densities.

    d(E, r) = sum_k w_k sum_b |psi_kb(r)|² K(E - eps_kb), one matrix product per k point.
    Only one k point's orbital densities are held at a time, so give a generator.

    Parameters
    ----------
    orbital_densities
        For each k point |psi_kb(r)|², shape (bands, *grid), in 1/Å³.
    eigenvalues
        eps_kb, shape (k, bands), in eV.
    k_weights
        w_k, shape (k,), with the spin factor: they sum to 2.
    energy
        Energies E, shape (e,), in eV.
    kernel
        One of `surrogate_hpo.dft.kernels.KERNEL_NAMES`.
    width
        Width of the kernel in eV.

    Returns
    -------
    numpy.ndarray
        LDOS, shape (*grid, e), float32, in 1/(eV Å³); summed in float64, because a thousand
        k points added in float32 drift by 1e-5.

    Raises
    ------
    ConfigError
        The kernel does not exist or the width is not positive.
    DataError
        The shapes do not fit.
    """
    if not width > 0:
        raise ConfigError("the LDOS width must be positive", got=f"{width} eV")
    coefficients = evaluate_kernel(kernel, (energy - eigenvalues[..., None]) / width) / width
    total = _accumulate(orbital_densities, k_weights[:, None, None] * coefficients)
    return total.astype(np.float32)


def occupied_density(
    *,
    orbital_densities: Iterable[RealArray],
    occupations: FloatArray,
    k_weights: FloatArray,
) -> FloatArray:
    """Sum the occupied orbital densities: n(r) = sum_k w_k sum_b f_kb |psi_kb(r)|².

    Parameters
    ----------
    orbital_densities
        For each k point |psi_kb(r)|², shape (bands, *grid), in 1/Å³.
    occupations
        f_kb between 0 and 1, shape (k, bands).
    k_weights
        w_k, shape (k,), with the spin factor: they sum to 2.

    Returns
    -------
    numpy.ndarray
        Electron density, shape grid, float64, in 1/Å³.

    Raises
    ------
    DataError
        The shapes do not fit.
    """
    coefficients = (k_weights[:, None] * occupations)[..., None]
    return np.asarray(_accumulate(orbital_densities, coefficients)[..., 0])


def _accumulate(orbital_densities: Iterable[RealArray], coefficients: FloatArray) -> FloatArray:
    """Contract (k, band, *grid) with (k, band, e) to (*grid, e)."""
    total: FloatArray | None = None
    grid: tuple[int, ...] = ()
    count = 0
    for densities in orbital_densities:
        if total is None:
            grid = densities.shape[1:]
            total = np.zeros((int(np.prod(grid)), coefficients.shape[-1]))
        expected = (coefficients.shape[1], *grid)
        if count >= len(coefficients) or densities.shape != expected:
            raise DataError(
                "orbital densities do not fit the eigenvalues",
                where=f"k point {count}",
                expected=f"{len(coefficients)} k points of shape {expected}",
                got=f"shape {densities.shape}",
            )
        flat = densities.reshape(len(densities), -1)
        for start in range(0, flat.shape[1], _SLAB):
            slab = slice(start, start + _SLAB)
            total[slab] += flat[:, slab].astype(np.float64).T @ coefficients[count]
        count += 1
    if total is None or count != len(coefficients):
        raise DataError(
            "orbital densities are missing",
            expected=f"{len(coefficients)} k points",
            got=f"{count}",
        )
    return total.reshape(*grid, -1)
