"""Structures as ASE hands them to a calculator."""

from ase import Atoms

from surrogate_hpo.errors import DataError
from surrogate_hpo.formats.structures.structures import checked_structure


def calculated_structure(atoms: Atoms | None, remedy: str) -> Atoms:
    """The structure that an ASE calculator was given, as `checked_structure` leaves it.

    Parameters
    ----------
    atoms
        What ASE hands over.
    remedy
        What to do where it is not periodic.

    Returns
    -------
    ase.Atoms
        Periodic along all vectors.

    Raises
    ------
    DataError
        There is no structure, or it is none that `checked_structure` accepts.
    """
    if atoms is None or not atoms.pbc.all():
        raise DataError(
            "the structure is not periodic in three dimensions",
            expected="pbc True along each cell vector",
            got="no structure" if atoms is None else str(atoms.pbc.tolist()),
            remedy=remedy,
        )
    return checked_structure(atoms, "the structure that the calculator was given")
