r"""Displacements and strains along which a training snapshot's free energy is differentiated.

Along a direction all atoms move by :math:`u_i`, and atoms, cell and points of the grid are
strained by :math:`\varepsilon`. At a fixed plane-wave cutoff the stress of a DFT run differs from
the slope of its energies, which a training on several volumes sees, by the Pulay stress: an
isotropic pressure, nearly the same for all snapshots. So of the one strain that changes the volume
the slope is known up to a constant pressure times the change of the volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from surrogate_hpo.dft.strain import deformed
from surrogate_hpo.networks.options import SHEARS, STRAINS, number_of_directions
from surrogate_hpo.training.ldos_derivatives import LdosDerivatives
from surrogate_hpo.training.reference_snapshot import ReferenceSnapshot

FloatArray = NDArray[np.float64]


def _strains() -> FloatArray:
    """Orthonormal symmetric matrices, the last of which has a trace, shape (6, 3, 3)."""
    found = np.zeros((STRAINS, 3, 3))
    for number, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
        found[number, a, b] = found[number, b, a] = 1 / np.sqrt(2)
    found[3] = np.diag([1, -1, 0]) / np.sqrt(2)
    found[4] = np.diag([1, 1, -2]) / np.sqrt(6)
    found[5] = np.eye(3) / np.sqrt(3)
    return found


@dataclass(frozen=True)
class Directions:
    """Along which a snapshot is differentiated, strains first.

    Attributes
    ----------
    strains
        Shape (strains, 3, 3), 1/Å: along a step of 1 Å. Those of N atoms have the norm 1/√N, so
        that an atom at 1 Å from the origin moves by 1/√N in the root mean square.
    displacements
        Shape (displacements, atoms, 3): orthonormal.
    """

    strains: FloatArray
    displacements: FloatArray

    def __len__(self) -> int:
        return len(self.strains) + len(self.displacements)

    def volumes(self, atoms: Atoms) -> FloatArray:
        """Derivative of the volume along each, shape (directions,), Å²."""
        of_strains = atoms.get_volume() * np.trace(self.strains, axis1=1, axis2=2)
        # Of the others it is zero but for rounding.
        of_strains[:SHEARS] = 0.0
        return np.concatenate([of_strains, np.zeros(len(self.displacements))])

    def slopes(self, snapshot: ReferenceSnapshot, derivatives: LdosDerivatives) -> FloatArray:
        """What DFT's derivatives leave to the LDOS, shape (directions,), eV/Å."""
        result, found = snapshot.result, []
        if len(self.strains) and result.stress is not None:
            strain = snapshot.atoms.get_volume() * result.stress - derivatives.strain
            found.append(np.tensordot(self.strains, strain, axes=2))
        if len(self.displacements) and result.forces is not None:
            position = -result.forces - derivatives.positions
            found.append(np.tensordot(self.displacements, position, axes=2))
        return np.concatenate(found) if found else np.empty(0)

    def moved(
        self, points: FloatArray, atoms: Atoms, step: float
    ) -> Iterator[tuple[FloatArray, Atoms]]:
        """Points and atoms after a step along each direction, Å."""
        for strain in self.strains:
            deformation = np.eye(3) + step * strain
            yield points @ deformation, deformed(atoms, deformation)
        for displacement in self.displacements:
            changed = atoms.copy()
            changed.positions += step * displacement
            yield points, changed


NO_DIRECTIONS = Directions(np.empty((0, 3, 3)), np.empty((0, 0, 3)))


def directions_of(
    snapshot: ReferenceSnapshot,
    points: int,
    generator: np.random.Generator,
    *,
    strains: int,
) -> Directions:
    """Directions along which DFT's derivatives are known.

    Parameters
    ----------
    snapshot
        Its DFT run may have forces and stress.
    points
        Points of the coarse grid: how many displacements are affordable.
    generator
        Draws displacements where there are too many to take all.
    strains
        How many strains to take, too, where the stress is known: none, `SHEARS` or `STRAINS`.

    Returns
    -------
    Directions
        Empty where nothing is known.
    """
    atoms = len(snapshot.atoms)
    known = strains if snapshot.result.stress is not None else 0
    displacements = np.empty((0, atoms, 3))
    if snapshot.result.forces is not None:
        size, count = 3 * atoms, number_of_directions(atoms, points)
        basis = np.eye(size)
        if count < size:
            basis = np.linalg.qr(generator.standard_normal((size, count)))[0].T
        displacements = basis.reshape(-1, atoms, 3)
    return Directions(_strains()[:known] / np.sqrt(atoms), displacements)
