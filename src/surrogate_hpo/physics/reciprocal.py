"""Wave vectors of a real-space grid, and functions of space on them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import check_cell
from surrogate_hpo.units import BOHR_ANGSTROM, RYDBERG_EV


def reciprocal_cell(cell: Tensor) -> Tensor:
    """Reciprocal lattice vectors b_i in 1/Å as rows, with a_i · b_j = 2 pi delta_ij."""
    inverse: Tensor = torch.linalg.inv(cell)
    return 2 * torch.pi * inverse.transpose(0, 1)


def wave_vectors(shape: Sequence[int], cell: Tensor) -> Tensor:
    """Wave vectors G of the grid in the order of the fast Fourier transform.

    Parameters
    ----------
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, shape [3, 3].

    Returns
    -------
    Tensor
        G in 1/Å, shape [*shape, 3].

    Raises
    ------
    DataError
        If the shape does not have three positive entries, or the cell has no volume.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise DataError(
            "a grid has three axes of at least one point", expected="[x, y, z]", got=str(shape)
        )
    check_cell(cell)
    frequencies = [
        torch.fft.fftfreq(points, 1 / points, dtype=cell.dtype, device=cell.device)
        for points in shape
    ]
    indices = torch.stack(torch.meshgrid(*frequencies, indexing="ij"), dim=-1)
    return indices @ reciprocal_cell(cell)


def inside_cutoff(vectors: Tensor, density_cutoff: float | None) -> Tensor:
    r"""Mask of the wave vectors with :math:`\hbar^2 G^2 / 2m \le E_{cut}`.

    Parameters
    ----------
    vectors
        Wave vectors in 1/Å, shape [..., 3].
    density_cutoff
        Kinetic energy in eV (Quantum ESPRESSO's `ecutrho` times 13.605693 eV); None keeps all.

    Returns
    -------
    Tensor
        Boolean, shape [...].

    Raises
    ------
    DataError
        If the cutoff is not positive.
    """
    if density_cutoff is None:
        return torch.ones(vectors.shape[:-1], dtype=torch.bool, device=vectors.device)
    if not density_cutoff > 0:
        raise DataError(
            "the density cutoff is not positive",
            expected="density_cutoff > 0 eV",
            got=f"{density_cutoff!r} eV",
        )
    kinetic_energy = (vectors.detach() ** 2).sum(dim=-1) * (RYDBERG_EV * BOHR_ANGSTROM**2)
    # A shell that lies exactly on the sphere belongs to it, whatever the rounding.
    return kinetic_energy <= density_cutoff * (1 + 1e-10)


def squared_gradient(field: Tensor, cell: Tensor, density_cutoff: float | None) -> Tensor:
    """Squared gradient of a periodic field, by Fourier transform.

    Parameters
    ----------
    field
        Real field on the grid, shape [x, y, z].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    density_cutoff
        Wave vectors above it (eV) are left out; None keeps all.

    Returns
    -------
    Tensor
        Squared gradient in (unit of the field)²/Å², shape [x, y, z].
    """
    vectors = wave_vectors(field.shape, cell)
    kept = inside_cutoff(vectors, density_cutoff)
    for axis, points in enumerate(field.shape):
        if points % 2 == 0:
            # The Nyquist component is its own conjugate: its derivative is not real. Drop it.
            kept.select(axis, points // 2).fill_(value=False)
    amplitudes = torch.where(kept, torch.fft.fftn(field), 0.0)
    components = torch.fft.ifftn(1j * vectors.movedim(-1, 0) * amplitudes, dim=(1, 2, 3)).real
    squared: Tensor = (components**2).sum(dim=0)
    return squared
