"""Numbers and orbitals of a calculation that can be none of any: found before they are read."""

import numpy as np

from surrogate_hpo import limits
from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError
from surrogate_hpo.units import BOHR_ANGSTROM, RYDBERG_EV


def check_orbitals(result: DftResult, *, where: str) -> None:
    """The orbitals of a calculation must be all there is to the density of its states.

    Parameters
    ----------
    result
        The calculation.
    where
        Folder of the wavefunctions, to name in the message.

    Raises
    ------
    DataError
        If potentials are not norm-conserving, or k points were reduced by symmetry.
    """
    if not result.norm_conserving:
        raise DataError(
            "wavefunctions of ultrasoft or PAW potentials lack the augmentation charge",
            where=where,
            expected="norm-conserving pseudopotentials",
            got=", ".join(result.pseudopotentials.values()),
            remedy="take the LDOS from pp.x cubes instead",
        )
    if result.symmetry_operations != 1:
        raise DataError(
            "the k points were reduced by symmetry, so orbital densities are incomplete",
            where=where,
            expected="1 symmetry operation",
            got=str(result.symmetry_operations),
            remedy="run pw.x with nosym = .true., or take the LDOS from pp.x cubes",
        )


# pw.x takes the next size whose FFT is fast; somebody may ask for a finer grid by hand.
_FINER, _MARGIN = 8, 32


def check_sense(result: DftResult, *, where: str) -> None:
    """Raise DataError unless counts and sizes of a calculation make sense together.

    Parameters
    ----------
    result
        As read.
    where
        File to name in messages.

    Raises
    ------
    DataError
        A size is zero, negative or not finite, or the FFT grid is not one of this cell and cutoff.
    """
    sizes = {
        "the volume of the cell": abs(float(np.linalg.det(result.cell))),
        "the cutoff of the density": result.density_cutoff,
        "the width of the smearing": result.smearing_width,
        "the number of electrons": result.electrons,
        "the number of atoms": float(len(result.species)),
    }
    for name, size in sizes.items():
        if not 0 < size < np.inf:
            raise _no_sense(f"{name} makes no sense", where, "a finite number above 0", size)
    arrays = {"positions": result.positions, "k points": result.k_points}
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise _no_sense(f"the {name} are not finite", where, "finite numbers", "others")
    if len(result.k_points) and not result.eigenvalues.shape[-1]:
        raise _no_sense("the calculation has no bands", where, "at least one", 0)
    _check_grid(result, where)


def _check_grid(result: DftResult, where: str) -> None:
    """A wave of the density's cutoff has at most |a_i| k / 2 pi periods along a cell vector."""
    wave = np.sqrt(result.density_cutoff / RYDBERG_EV) / BOHR_ANGSTROM
    needed = 2 * np.linalg.norm(result.cell, axis=1) * wave / (2 * np.pi) + 1
    for points, least in zip(result.fft_grid, needed, strict=True):
        most = min(_FINER * least + _MARGIN, limits.GRID_POINTS)
        if not 0 < points <= most:
            expected = f"about {least:.0f} points along each cell vector, at most {most:.0f}"
            raise _no_sense(
                "the FFT grid is not that of the cell and the cutoff",
                where,
                expected,
                result.fft_grid,
            )


def _no_sense(what: str, where: str, expected: str, got: object) -> DataError:
    return DataError(
        what,
        where=where,
        expected=expected,
        got=str(got),
        remedy="run pw.x again: the file is damaged",
    )
