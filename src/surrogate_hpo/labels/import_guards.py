"""Checks of an LDOS that was made elsewhere: of these atoms, in this unit, on this axis."""

import logging

import numpy as np

from surrogate_hpo.data.ldos_store import LdosData
from surrogate_hpo.dft.finished import ImportLimits
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError, PhysicsError
from surrogate_hpo.labels.ldos_guards import (
    NEARLY_RIGHT,
    check_electrons,
    check_grid,
    electron_weights,
)
from surrogate_hpo.labels.reference_energies import differences_from_dft
from surrogate_hpo.physics.fermi import BOTTOM_TOLERANCE
from surrogate_hpo.physics.ldos_integrals import density_from_ldos
from surrogate_hpo.physics.recognition import Arrangement, axis_misfits, best_arrangement

logger = logging.getLogger(__name__)
# Kernels without lobes give no negative density; what pp.x prints and interpolates, noise of this.
_NEGATIVE_TOLERANCE = 0.01
_POSITIVE_KERNELS = ("gaussian", "fermi_dirac")
# Measured: atoms explain a density in another order of the axes 2 to 20 times worse.
_CLEAR_MARGIN = 1.5
# Rearranged rightly, atoms explain 97 % and more of a metal's density. The best of hundreds of
# rearrangements of another snapshot's density up to 80 %, and 90 % of a made-up one, but it is not
# so much better than the array as it is.
_SURELY_REARRANGED, _REARRANGED, _REARRANGED_MARGIN = 0.05, 0.15, 3.0
# Measured on 30 snapshots of a metal: up to 0.03 with their own atoms, in 99 % of the cases more
# than 0.18 with those of another snapshot.
_SUSPICIOUS_MISFIT = 0.15


def check_imported(
    ldos: LdosData, result: DftResult, limits: ImportLimits, *, where: str
) -> list[str]:
    """An LDOS that was made elsewhere must be one, in this package's unit and order of axes.

    Parameters
    ----------
    ldos
        The LDOS.
    result
        The calculation that it is said to belong to.
    limits
        What is an error, not only worth a warning.
    where
        File to name in the message.

    Returns
    -------
    list of str
        What is suspicious; logged as warnings, too.

    Raises
    ------
    DataError
        If its grid is another, numbers are not finite or negative, its axes are in another order
        than x, y, z, run backwards, or begin in the middle of the cell, it is of other atoms, or
        its energies are not those of the calculation.
    PhysicsError
        If it does not hold the electrons, or states are cut at the bottom of the window.
    """
    check_grid(ldos, result, where=where)
    _check_values(ldos, where)
    check_electrons(ldos, result, where=where, tolerance=NEARLY_RIGHT)
    _check_bottom(ldos, result, where)
    suspicions = _check_axes(ldos, result, limits, where)
    suspicions += _check_energies(ldos, result, limits, where)
    # Last: what is off by a few per cent has another cause than the unit, which was said above.
    check_electrons(ldos, result, where=where)
    for suspicion in suspicions:
        logger.warning("%s: %s", where, suspicion)
    return suspicions


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


def _check_axes(ldos: LdosData, result: DftResult, limits: ImportLimits, where: str) -> list[str]:
    weights = electron_weights(np.asarray(ldos.energy), ldos, result)
    density = density_from_ldos(ldos.values, weights)
    misfits = axis_misfits(density, ldos.cell, result.positions, result.species)
    own, best = misfits[Arrangement()], best_arrangement(misfits)
    better = misfits[best] * _CLEAR_MARGIN < own
    found = f"atoms explain {1 - own:.1%} of its structure as it is"
    margin = _CLEAR_MARGIN if misfits[best] < _SURELY_REARRANGED else _REARRANGED_MARGIN
    if misfits[best] * margin < own and misfits[best] < _REARRANGED:
        raise DataError(
            "the axes of the LDOS are not those of the cell, x, y, z from the corner of the atoms",
            where=where,
            expected="a density that follows the atoms at their positions",
            got=f"{found}, and {1 - misfits[best]:.1%} of it rearranged",
            remedy=f"rearrange the array: {', then '.join(best.steps)}; the energies stay last",
        )
    if own > limits.misfit or (better and own > _SUSPICIOUS_MISFIT):
        raise DataError(
            "the density of the LDOS does not follow the atoms: they are of different snapshots",
            where=where,
            expected=f"atoms at their positions that leave at most {limits.misfit:.0%} of its "
            "structure unexplained; below 3 % in simple metals",
            got=f"{found}; no order of the axes explains it",
            remedy="take LDOS and atoms of one snapshot. Where you know that they are, and the "
            "density is not one of atoms (covalent bonds): raise ldos.largest_density_misfit",
        )
    if own > _SUSPICIOUS_MISFIT:
        return [
            f"atoms at their positions leave {own:.0%} of the density's structure unexplained; in "
            "simple metals it is below 3 %, and more if LDOS and atoms are of different snapshots"
        ]
    return []


def _check_energies(
    ldos: LdosData, result: DftResult, limits: ImportLimits, where: str
) -> list[str]:
    found = differences_from_dft(ldos, result)
    if found.largest > limits.error_mev_per_atom:
        raise DataError(
            "the LDOS has other energies than the calculation that it came with",
            where=where,
            expected=f"differences of at most {limits.error_mev_per_atom:g} meV/atom, in the "
            "Fermi energy meV",
            got=found.words,
            remedy=f"{found.likely_cause}. Where you know the cause and accept it as a floor: "
            "raise ldos.largest_reference_error_mev_per_atom",
        )
    if found.suspicious:
        return [f"{found.words}; {found.likely_cause}"]
    return []
