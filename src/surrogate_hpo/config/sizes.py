"""How large a case is, as far as that is known before a job runs: grid, plane waves, k points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogate_hpo.physics.prediction_grid import good_fft_size
from surrogate_hpo.stages.dft.settings import DftSettings
from surrogate_hpo.units import BOHR_ANGSTROM

# Quantum ESPRESSO keeps a smaller grid for orbitals where the density's cutoff exceeds this
# multiple of theirs, at which |psi|² is complete.
_COMPLETE_DUAL = 4.0
_COMPLEX = 16


@dataclass(frozen=True)
class Size:
    """Numbers that decide what a calculation of one snapshot needs.

    Attributes
    ----------
    atoms
        In the cell.
    volume
        Of the cell, Å³.
    grid
        FFT grid of the density, on which LDOS and descriptors live.
    orbital_grid
        FFT grid of the orbitals in the self-consistent run.
    plane_waves
        Per orbital.
    density_waves
        Of the density.
    k_points
        Without symmetry, k and -k counted once.
    bands
        Kohn-Sham states per k point.
    """

    atoms: int
    volume: float
    grid: tuple[int, int, int]
    orbital_grid: tuple[int, int, int]
    plane_waves: int
    density_waves: int
    k_points: int
    bands: int

    @property
    def grid_points(self) -> int:
        """Points of the grid."""
        return math.prod(self.grid)

    @property
    def wavefunction_bytes(self) -> int:
        """Bytes of the orbitals of all k points in the files of Quantum ESPRESSO."""
        return _COMPLEX * self.k_points * self.bands * self.plane_waves


def size_of(atoms: int, cell: NDArray[np.float64], settings: DftSettings) -> Size:
    """Size of a case from its cell and the cutoffs.

    Parameters
    ----------
    atoms
        Number of atoms.
    cell
        Lattice vectors in Å as rows, [3, 3].
    settings
        The `dft` section.

    Returns
    -------
    Size
        Grids by Quantum ESPRESSO's rule.
    """
    run = settings.run(atoms, cell)
    density_cutoff = settings.density_cutoff_rydberg or _COMPLETE_DUAL * run.cutoff_rydberg
    orbital_cutoff = min(density_cutoff, _COMPLETE_DUAL * run.cutoff_rydberg)
    volume = float(abs(np.linalg.det(cell)))
    return Size(
        atoms=atoms,
        volume=volume,
        grid=fft_grid(cell, density_cutoff),
        orbital_grid=fft_grid(cell, orbital_cutoff),
        plane_waves=plane_waves(volume, run.cutoff_rydberg),
        density_waves=plane_waves(volume, density_cutoff),
        k_points=k_points(run.kpoints, settings.kpoints_shift),
        bands=run.bands,
    )


def plane_waves(volume: float, cutoff_rydberg: float) -> int:
    r"""Plane waves below a cutoff: a sphere of :math:`V k^3 / 6\pi^2`, :math:`k = \sqrt{E}`.

    Parameters
    ----------
    volume
        Of the cell, Å³.
    cutoff_rydberg
        E, Ry.

    Returns
    -------
    int
        Their number, rounded up.
    """
    return math.ceil(volume / BOHR_ANGSTROM**3 * math.pow(cutoff_rydberg, 1.5) / (6 * math.pi**2))


def fft_grid(cell: NDArray[np.float64], density_cutoff_rydberg: float) -> tuple[int, int, int]:
    r"""Grid that Quantum ESPRESSO chooses for a density cutoff.

    Along :math:`a_i` the wave vectors reach :math:`n = \lfloor |a_i| \sqrt{E} / 2\pi \rfloor`
    (Bohr, Rydberg), and the grid has the least number of points that is :math:`\ge 2n + 1`
    and has no prime factor above 5 (`realspace_grid_init`, `good_fft_order` of its FFTXlib).

    Parameters
    ----------
    cell
        Lattice vectors in Å as rows, [3, 3].
    density_cutoff_rydberg
        `ecutrho`.

    Returns
    -------
    tuple of int
        Points along each vector. In cells that are not orthogonal a direction may get
        fewer, never more.
    """
    lengths = np.linalg.norm(cell, axis=1) / BOHR_ANGSTROM
    reach = np.floor(lengths * math.sqrt(density_cutoff_rydberg) / (2 * math.pi)).astype(int)
    first, second, third = (good_fft_size(2 * int(n) + 1) for n in reach)
    return first, second, third


def k_points(mesh: Sequence[int], shift: Sequence[int]) -> int:
    """Points of a Monkhorst-Pack mesh, k and -k counted once.

    Parameters
    ----------
    mesh
        Points along each reciprocal vector.
    shift
        1 where the mesh is shifted by half a step.

    Returns
    -------
    int
        Number of k points of a run without symmetry.
    """
    own_inverse: int = math.prod(
        (n % 2 if shifted else 2 - n % 2) for n, shifted in zip(mesh, shift, strict=True)
    )
    points: int = math.prod(mesh)
    return (points + own_inverse) // 2
