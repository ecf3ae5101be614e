"""Local density of states from orbital densities."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.ldos_axis import kernel as evaluate_kernel
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

    d(E, r) = sum_k w_k sum_b |psi_kb(r)|² K(E - eps_kb), one matrix product per batch of bands.
    Only one batch is held at a time, so give a generator.

    Parameters
    ----------
    orbital_densities
        |psi_kb(r)|², shape (some bands, *grid), in 1/Å³: batches of the bands of the first
        k point, in order, then those of the second, and so on.
    eigenvalues
        eps_kb, shape (k, bands), in eV.
    k_weights
        w_k, shape (k,), with the spin factor: they sum to 2.
    energy
        Energies E, shape (e,), in eV.
    kernel
        One of `surrogate_hpo.dft.ldos_axis.KERNEL_NAMES`.
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


def _accumulate(orbital_densities: Iterable[RealArray], coefficients: FloatArray) -> FloatArray:
    """Contract (k, band, *grid) with (k, band, e) to (*grid, e), some bands at a time."""
    k_points, bands, energies = coefficients.shape
    total: FloatArray | None = None
    grid: tuple[int, ...] = ()
    k_point, band = 0, 0
    for densities in orbital_densities:
        if total is None:
            grid = densities.shape[1:]
            total = np.zeros((int(np.prod(grid)), energies))
        end = band + len(densities)
        if k_point == k_points or end > bands or densities.shape[1:] != grid:
            raise DataError(
                "orbital densities do not fit the eigenvalues",
                where=f"k point {k_point}, band {band}",
                expected=f"{k_points} k points of {bands} bands on the grid {grid}",
                got=f"shape {densities.shape}",
            )
        _add_products(total, densities, coefficients[k_point, band:end])
        # Released before the next ones are made.
        del densities
        k_point, band = (k_point + 1, 0) if end == bands else (k_point, end)
    if total is None or k_point != k_points:
        raise DataError(
            "orbital densities are missing",
            expected=f"{k_points} k points",
            got=f"{k_point}, and {band} bands of the next",
        )
    return total.reshape(*grid, -1)


def _add_products(total: FloatArray, densities: RealArray, coefficients: FloatArray) -> None:
    """Add (band, *grid) times (band, e) to (points, e)."""
    flat = densities.reshape(len(densities), -1)
    for start in range(0, flat.shape[1], _SLAB):
        slab = slice(start, start + _SLAB)
        total[slab] += flat[:, slab].astype(np.float64).T @ coefficients
