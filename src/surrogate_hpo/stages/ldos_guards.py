"""Checks of an LDOS against its DFT run; more of one that was made elsewhere."""

import logging

import numpy as np
import torch

from surrogate_hpo.dft.kernels import kernel_variance
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.io.ldos_store import LdosData
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.ldos_integrals import density_from_ldos, dos_from_ldos
from surrogate_hpo.physics.quadrature import occupation_weights
from surrogate_hpo.physics.recognition import (
    Arrangement,
    axis_misfits,
    best_arrangement,
    unit_of_factor,
)

logger = logging.getLogger(__name__)
ELECTRON_TOLERANCE = 0.01
# Kernels without lobes give no negative density; what pp.x prints and interpolates, noise of this.
_NEGATIVE_TOLERANCE = 0.01
_POSITIVE_KERNELS = ("gaussian", "fermi_dirac")
# Measured: atoms explain a density in another order of the axes 2 to 20 times worse.
_CLEAR_MARGIN, _EXPLAINED = 1.5, 0.5
# Measured on 30 snapshots of a metal: up to 0.03 with their own atoms, in 99 % of the cases more
# than 0.18 with those of another snapshot.
_SUSPICIOUS_MISFIT = 0.15
# A count that is off by less is of the right unit.
_NEARLY_RIGHT = 0.1


def check_electrons(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """The LDOS must hold the cell's electrons at the DFT run's Fermi energy.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The DFT run.
    where
        File to name in the message.

    Raises
    ------
    PhysicsError
        If the count is off by more than one per cent: a wrong unit or a wrong cell.
    """
    dos = dos_from_ldos(torch.from_numpy(ldos.values), ldos.volume_element)
    count = float(_weights(ldos, result) @ dos)
    if not abs(count - result.electrons) <= ELECTRON_TOLERANCE * result.electrons:
        raise PhysicsError(
            "the LDOS does not hold the electrons of the cell",
            where=where,
            expected=f"{result.electrons:g} electrons within {ELECTRON_TOLERANCE:.0%}",
            got=f"{count:.4f} up to the Fermi energy {result.fermi_energy:.3f} eV",
            remedy=_unit_remedy(count / result.electrons),
        )


def _weights(ldos: LdosData, result: DftResult) -> torch.Tensor:
    return occupation_weights(
        torch.from_numpy(ldos.energy),
        result.fermi_energy,
        result.electronic_temperature,
        "electrons",
        broadening_variance=kernel_variance(ldos.kernel, ldos.width),
    )


def _unit_remedy(factor: float) -> str:
    if abs(factor - 1) < _NEARLY_RIGHT:
        return (
            "unit and cell are right; check kernel, width and where the energy window begins, and "
            "whether the kernel is too wide for its bias to be corrected"
        )
    units = unit_of_factor(factor)
    if not units:
        return (
            f"a factor of {factor:.4g} is that of no known unit: check cell, kernel, width and "
            "energy axis, and that the LDOS is in 1/(eV Å³)"
        )
    listed = ", or ".join(f"{unit} (factor {value:.6g})" for unit, value in units)
    return (
        f"it is too large by a factor of {factor:.4g}, as if it were in {listed}: divide it by "
        "that factor, so that it is in 1/(eV Å³) with both spins"
    )


def check_imported(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """An LDOS that was made elsewhere must be one, in this package's unit and order of axes.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The calculation that it is said to belong to.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If its grid is another, numbers are not finite or negative, or its axes are in another
        order than x, y, z, run backwards, or begin in the middle of the cell.
    PhysicsError
        If it does not hold the electrons, or states are cut at the bottom of the window.
    """
    check_grid(ldos, result, where=where)
    _check_values(ldos, where)
    check_electrons(ldos, result, where=where)
    _check_bottom(ldos, result, where)
    _check_axes(ldos, result, where)


def _check_values(ldos: LdosData, where: str) -> None:
    # Plane by plane: masks of the whole array would double the memory.
    bad = sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in ldos.values)
    if bad:
        raise DataError(
            "the LDOS holds numbers that are not finite",
            where=where,
            got=f"{bad} of {ldos.values.size}",
            remedy="make or fetch the file again",
        )
    lowest, largest = float(ldos.values.min()), float(ldos.values.max())
    if ldos.kernel in _POSITIVE_KERNELS and lowest < -_NEGATIVE_TOLERANCE * largest:
        raise DataError(
            "the LDOS is negative, which its kernel does not allow",
            where=where,
            expected=f"values above {-_NEGATIVE_TOLERANCE:.0%} of the largest, {largest:.4g}",
            got=f"{lowest:.4g}",
            remedy="give the kernel that it was made with (ldos.kernel), or make it again",
        )


def _check_bottom(ldos: LdosData, result: DftResult, where: str) -> None:
    spacing = float(ldos.energy[1] - ldos.energy[0])
    bottom = float(ldos.values[..., 0].sum(dtype=np.float64)) * ldos.volume_element
    share = abs(bottom) * spacing / result.electrons
    if share > BOTTOM_TOLERANCE:
        raise PhysicsError(
            "states are cut at the bottom of the energy window",
            where=where,
            expected=f"at most {BOTTOM_TOLERANCE:g} of the electrons at its lowest energy",
            got=f"{share:.2g} of them at {ldos.energy[0]:g} eV",
            remedy="make the LDOS again with a window that begins lower; without these states "
            "every energy would be wrong",
        )


def _check_axes(ldos: LdosData, result: DftResult, where: str) -> None:
    density = density_from_ldos(torch.from_numpy(ldos.values), _weights(ldos, result)).numpy()
    misfits = axis_misfits(density, ldos.cell, result.positions, result.species)
    own, best = misfits[Arrangement()], best_arrangement(misfits)
    if misfits[best] * _CLEAR_MARGIN < own and misfits[best] < _EXPLAINED:
        raise DataError(
            "the axes of the LDOS are not those of the cell, x, y, z from the corner of the atoms",
            where=where,
            expected="a density that follows the atoms at their positions",
            got=f"atoms explain {1 - own:.1%} of its structure as it is, and "
            f"{1 - misfits[best]:.1%} of it rearranged",
            remedy=f"rearrange the array: {', then '.join(best.steps)}; the energies stay last",
        )
    if own > _SUSPICIOUS_MISFIT:
        logger.warning(
            "%s: atoms at their positions leave %.0f %% of the density's structure unexplained; in "
            "simple metals it is below 3 %%, and more if LDOS and atoms are of different snapshots",
            where,
            100 * own,
        )


def check_grid(ldos: LdosData, result: DftResult, *, where: str) -> None:
    """An LDOS must lie on the FFT grid of its DFT run.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The DFT run.
    where
        File to name in the message.

    Raises
    ------
    DataError
        If it does not.
    """
    if ldos.values.shape[:3] != result.fft_grid:
        raise DataError(
            "the LDOS lies on another grid than its DFT run",
            where=where,
            expected=f"{result.fft_grid} points",
            got=f"{ldos.values.shape[:3]}",
            remedy="delete the store and run the workflow again; it is remade",
        )
