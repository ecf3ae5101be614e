"""How far a run is from one with a denser mesh of k points: the noise of its labels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.dft.result import DftResult, known
from surrogate_hpo.errors import DataError

# Rounding of a factor must not add a point: 4 points times 1.5 are 6.
_SLACK = 1e-9
_MILLI = 1000.0


@dataclass(frozen=True)
class KPointNoise:
    """Differences of one snapshot's labels between two meshes, own minus denser.

    Attributes
    ----------
    snapshot
        Its name.
    atoms
        In the cell: its size class.
    mesh
        The run's own, such as `4×4×4`.
    denser_mesh
        The one that it is compared with.
    spacing_per_angstrom
        Largest distance of neighbouring k points of its own mesh, 2 pi included.
    denser_spacing_per_angstrom
        The same of the denser mesh.
    ldos_share
        Squared difference of the LDOS in units of its variance over the grid: with 1 or more,
        nothing of its structure is known.
    dos_share
        Root mean square of the difference of the DOS in units of that of the DOS.
    total_free_energy_mev_per_atom
        Difference of A.
    band_energy_mev_per_atom
        Difference of the band energy.
    entropy_term_mev_per_atom
        Difference of -TS.
    fermi_energy_mev
        Difference of the Fermi energies.
    """

    snapshot: str
    atoms: int
    mesh: str
    denser_mesh: str
    spacing_per_angstrom: float
    denser_spacing_per_angstrom: float
    ldos_share: float
    dos_share: float
    total_free_energy_mev_per_atom: float
    band_energy_mev_per_atom: float
    entropy_term_mev_per_atom: float
    fermi_energy_mev: float


def denser_mesh(mesh: Sequence[int], factor: float) -> tuple[int, int, int]:
    """Multiply the points along each axis by a factor, rounded up.

    Parameters
    ----------
    mesh
        Points along each reciprocal vector.
    factor
        Above 1.

    Returns
    -------
    tuple of int
        At least one point more along each axis.
    """
    first, second, third = (math.ceil(points * factor - _SLACK) for points in mesh)
    return first, second, third


def largest_spacing(cell: NDArray[np.float64], mesh: Sequence[int]) -> float:
    r"""Largest distance of neighbouring k points along an axis, :math:`\max_i |b_i| / n_i`.

    Parameters
    ----------
    cell
        Lattice vectors as rows, Å, shape (3, 3).
    mesh
        Points along each reciprocal vector.

    Returns
    -------
    float
        In 1/Å, 2 pi included: 2 pi / L of a supercell of the length L that the mesh stands for.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T
    return float((np.linalg.norm(reciprocal, axis=1) / np.asarray(mesh)).max())


def kpoint_noise(
    snapshot: str,
    own: DftResult,
    denser: DftResult,
    *,
    meshes: tuple[Sequence[int], Sequence[int]],
    ldos: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> KPointNoise:
    r"""Compare two runs of one structure that differ in their mesh only.

    .. math::
        \text{ldos\_share} = \frac{\sum_{\epsilon r} (d - d')^2}
                                  {\sum_{\epsilon r} (d' - \bar d'_\epsilon)^2}, \qquad
        \text{dos\_share}^2 = \frac{\sum_\epsilon (D - D')^2}{\sum_\epsilon D'^2}

    with d' and D' of the denser mesh and the mean :math:`\bar d'_\epsilon` over the grid.

    Parameters
    ----------
    snapshot
        Name of the structure.
    own
        The run whose noise is asked for.
    denser
        The other one.
    meshes
        Of both.
    ldos
        Of both, shape (x, y, z, energy), 1/(eV Å³).

    Returns
    -------
    KPointNoise
        All differences.

    Raises
    ------
    DataError
        If the two LDOS are of different shapes.
    """
    first, second = ldos
    if first.shape != second.shape:
        raise DataError(
            "the LDOS of the two meshes do not lie on one grid",
            where=snapshot,
            expected=f"shape {first.shape}",
            got=str(second.shape),
            remedy="delete the LDOS of the run and let Snakemake remake it",
        )
    atoms = len(own.species)
    ldos_share, dos_share = _shares(first, second)

    def per_atom(name: str) -> float:
        difference = known(getattr(own, name)) - known(getattr(denser, name))
        return _MILLI * difference / atoms

    return KPointNoise(
        snapshot=snapshot,
        atoms=atoms,
        mesh=_named(meshes[0]),
        denser_mesh=_named(meshes[1]),
        spacing_per_angstrom=largest_spacing(own.cell, meshes[0]),
        denser_spacing_per_angstrom=largest_spacing(own.cell, meshes[1]),
        ldos_share=ldos_share,
        dos_share=dos_share,
        total_free_energy_mev_per_atom=per_atom("total_free_energy"),
        band_energy_mev_per_atom=per_atom("band_energy"),
        entropy_term_mev_per_atom=per_atom("entropy_contribution"),
        fermi_energy_mev=_MILLI * (own.fermi_energy - denser.fermi_energy),
    )


def _shares(own: NDArray[np.float32], denser: NDArray[np.float32]) -> tuple[float, float]:
    """Of LDOS and DOS, plane by plane: copies in double precision would triple the memory."""
    points = math.prod(denser.shape[:3])
    total = sum(plane.sum(axis=(0, 1), dtype=np.float64) for plane in denser)
    other = sum(plane.sum(axis=(0, 1), dtype=np.float64) for plane in own)
    squared = variance = 0.0
    for one, two in zip(own, denser, strict=True):
        reference = two.astype(np.float64)
        squared += float(np.square(one - reference).sum())
        variance += float(np.square(reference - total / points).sum())
    dos_share = float(np.linalg.norm(other - total) / np.linalg.norm(total))
    return squared / variance, dos_share


def _named(mesh: Sequence[int]) -> str:
    return "×".join(map(str, mesh))
