"""Whether an LDOS can be summed from the orbitals of a calculation; known before they are read."""

from surrogate_hpo.dft.result import DftResult
from surrogate_hpo.errors import DataError


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
