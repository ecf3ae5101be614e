"""Predicted structures as extended xyz: energies, forces and stress where ASE looks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.files.atomic import replacing


@dataclass(frozen=True)
class PredictedStructure:
    """A structure with what was predicted of it.

    Attributes
    ----------
    atoms
        The structure, Å; momenta, masses and fixed atoms are written, too, if it has any.
    free_energy
        eV per cell.
    forces
        eV/Å, [atom, 3], or None.
    forces_std
        Their standard deviation over the networks, or None.
    forces_error_bar
        Their expected errors, eV/Å, or None.
    stress
        eV/Å³, [3, 3], ASE's sign, or None.
    info
        What else to write of the structure, by name.
    """

    atoms: Atoms
    free_energy: float
    forces: NDArray[np.float64] | None = None
    forces_std: NDArray[np.float64] | None = None
    forces_error_bar: NDArray[np.float64] | None = None
    stress: NDArray[np.float64] | None = None
    info: Mapping[str, float | int] = field(default_factory=dict)


def write_predicted(path: Path, structures: Sequence[PredictedStructure]) -> None:
    """Write structures with their predictions, atomically.

    ASE reads energy, free energy, forces and stress as results of a calculator, and spread and
    expected errors of the forces as the arrays `forces_std` and `forces_error_bar`.

    Parameters
    ----------
    path
        File to write; replaced if it exists.
    structures
        In the order of the frames.
    """
    with replacing(path) as partial, partial.open("w") as stream:
        for structure in structures:
            append_predicted(stream, structure)


def append_predicted(stream: IO[str], structure: PredictedStructure) -> None:
    """Write a structure with its prediction behind those that a file holds already.

    Parameters
    ----------
    stream
        The open file.
    structure
        As for `write_predicted`.
    """
    from ase.io import write  # noqa: PLC0415 - it loads half of SciPy

    write(stream, _frame(structure), format="extxyz")


def _frame(structure: PredictedStructure) -> Atoms:
    from ase.calculators.singlepoint import SinglePointCalculator  # noqa: PLC0415 - see above
    from ase.constraints import FixAtoms  # noqa: PLC0415 - see above
    from ase.stress import full_3x3_to_voigt_6_stress  # noqa: PLC0415

    given = structure.atoms
    frame = Atoms(given.symbols, positions=given.positions, cell=given.cell, pbc=given.pbc)
    frame.info |= structure.info
    for name in ("momenta", "masses"):
        if given.has(name):
            frame.arrays[name] = given.arrays[name]
    frame.set_constraint([one for one in given.constraints if isinstance(one, FixAtoms)])
    results: dict[str, Any] = {
        "energy": structure.free_energy,
        "free_energy": structure.free_energy,
    }
    if structure.forces is not None:
        results["forces"] = structure.forces
    if structure.stress is not None:
        results["stress"] = full_3x3_to_voigt_6_stress(structure.stress)
    if structure.forces_std is not None:
        frame.arrays["forces_std"] = structure.forces_std
    if structure.forces_error_bar is not None:
        frame.arrays["forces_error_bar"] = structure.forces_error_bar
    frame.calc = SinglePointCalculator(frame, **results)
    return frame
