"""Wave vectors of a cell, and the Hartree energy of a density as a sum over them."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from surrogate_hpo.errors import DataError
from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV, RYDBERG_EV


def reciprocal_cell(cell: Tensor) -> Tensor:
    """Reciprocal lattice vectors b_i in 1/Å as rows, with a_i · b_j = 2 pi delta_ij."""
    inverse: Tensor = torch.linalg.inv(cell)
    return 2 * torch.pi * inverse.transpose(0, 1)


def wave_components(shape: Sequence[int], cell: Tensor, *, half: bool = False) -> Iterator[Tensor]:
    """Components of the wave vectors G of the grid, in the order of the fast Fourier transform.

    One at a time: three at once would take three times the memory.

    Parameters
    ----------
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    half
        Only those of the transform of a real field: of G and -G one, by the last axis.

    Yields
    ------
    Tensor
        G_x, then G_y, then G_z in 1/Å, of that shape; with `half`, the last axis has z//2 + 1
        entries.

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
    x, y, z = (
        torch.fft.fftfreq(points, 1 / points, dtype=cell.dtype, device=cell.device)
        for points in shape
    )
    if half:
        z = z[: shape[2] // 2 + 1]
    for along in reciprocal_cell(cell).unbind(dim=1):
        plane = (x * along[0])[:, None] + y * along[1]
        yield plane[..., None] + z * along[2]


def squared_waves(shape: Sequence[int], cell: Tensor) -> Tensor:
    """Squares of the wave vectors of a half transform, 1/Å², [x, y, z//2 + 1]."""
    x, *others = wave_components(shape, cell, half=True)
    squared = x**2
    for component in others:
        squared = torch.addcmul(squared, component, component)
    return squared


def inside_cutoff(squared: Tensor, density_cutoff: float | None) -> Tensor:
    r"""Mask of the wave vectors with :math:`\hbar^2 G^2 / 2m \le E_{cut}`.

    Parameters
    ----------
    squared
        Squares of the wave vectors in 1/Å².
    density_cutoff
        Kinetic energy in eV (Quantum ESPRESSO's `ecutrho` times 13.605693 eV); None keeps all.

    Returns
    -------
    Tensor
        Boolean, of the same shape.

    Raises
    ------
    DataError
        If the cutoff is not positive.
    """
    if density_cutoff is None:
        return torch.ones_like(squared, dtype=torch.bool)
    if not density_cutoff > 0:
        raise DataError(
            "the density cutoff is not positive",
            expected="density_cutoff > 0 eV",
            got=f"{density_cutoff!r} eV",
        )
    largest = density_cutoff / (RYDBERG_EV * BOHR_ANGSTROM**2)
    # A shell that lies exactly on the sphere belongs to it, whatever the rounding.
    return squared.detach() <= largest * (1 + 1e-10)


def half_multiplicity(points: int, like: Tensor) -> Tensor:
    """How often each plane of a half transform counts in a sum over all wave vectors.

    Parameters
    ----------
    points
        Number of grid points along the last axis.
    like
        Gives precision and device.

    Returns
    -------
    Tensor
        1 for the planes that are their own conjugates, else 2; shape [points//2 + 1].
    """
    counts = torch.full((points // 2 + 1,), 2.0, dtype=like.dtype, device=like.device)
    counts[0] = 1.0
    if points % 2 == 0:
        counts[-1] = 1.0
    return counts


def gradient(field: Tensor, cell: Tensor, density_cutoff: float | None) -> Iterator[Tensor]:
    """Cartesian components of the gradient of a periodic field, by Fourier transform.

    One at a time: three at once would take three times the memory.

    Parameters
    ----------
    field
        Real field on the grid, shape [x, y, z].
    cell
        Lattice vectors in Å as rows, shape [3, 3].
    density_cutoff
        Wave vectors above it (eV) are left out; None keeps all.

    Yields
    ------
    Tensor
        Derivative along x, then y, then z, in (unit of the field)/Å, shape [x, y, z].
    """
    amplitudes = 1j * torch.where(
        _derivable(field, cell, density_cutoff), torch.fft.rfftn(field), 0
    )
    for component in wave_components(field.shape, cell, half=True):
        yield _slope(amplitudes, component, field.shape)


def _slope(amplitudes: Tensor, component: Tensor, shape: Sequence[int]) -> Tensor:
    """The field whose transform is the product of both."""
    # As pairs of real numbers: a real factor would be made complex first.
    pairs = torch.view_as_real(amplitudes) * component[..., None]
    return torch.as_tensor(torch.fft.irfftn(torch.view_as_complex(pairs), s=tuple(shape)))


def _derivable(field: Tensor, cell: Tensor, density_cutoff: float | None) -> Tensor:
    """Mask of the wave vectors that a gradient has."""
    kept = inside_cutoff(squared_waves(field.shape, cell), density_cutoff)
    for axis, points in enumerate(field.shape):
        if points % 2 == 0:
            # The Nyquist component is its own conjugate: its derivative is not real. Drop it.
            kept.select(axis, points // 2).fill_(value=False)
    return kept


COULOMB_EV_ANGSTROM = HARTREE_EV * BOHR_ANGSTROM
"""e²/(4 pi epsilon_0) in eV Å."""


def hartree_energy(density: Tensor, cell: Tensor, *, density_cutoff: float | None = None) -> Tensor:
    r"""Electrostatic energy of the electrons with themselves, in a neutralising background.

    .. math::
        E_H = \frac{e^2}{4\pi\epsilon_0}\, 2\pi V \sum_{G \ne 0} \frac{|n(G)|^2}{G^2},
        \qquad n(G) = \frac{1}{V}\int n(r) e^{-iGr} dr

    The term G = 0 cancels against those of the ions and is left out, as in every plane-wave code
    (Ihm, Zunger, Cohen, J. Phys. C 12, 4409 (1979)).

    Parameters
    ----------
    density
        Electron density in 1/Å³, float64, shape [x, y, z].
    cell
        Lattice vectors in Å as rows, float64, shape [3, 3].
    density_cutoff
        Largest kinetic energy of G in eV; None takes all wave vectors of the grid.

    Returns
    -------
    Tensor
        Energy in eV per cell, shape [].

    Raises
    ------
    DataError
        If an argument has the wrong shape or precision, or the cell has no volume.
    """
    check_float64("density", density, 3)
    volume = check_cell(cell)
    squared = squared_waves(density.shape, cell)
    kept = inside_cutoff(squared, density_cutoff)
    kept[0, 0, 0] = False
    amplitudes = torch.fft.rfftn(density) / density.numel()
    power = amplitudes.real**2 + amplitudes.imag**2
    power = power * half_multiplicity(density.shape[2], density)
    sum_over_vectors: Tensor = (power[kept] / squared[kept]).sum()
    return COULOMB_EV_ANGSTROM * 2 * torch.pi * volume * sum_over_vectors


def hartree_weights(shape: Sequence[int], cell: Tensor) -> Tensor:
    r"""Weights W with :math:`E_H = \sum_G W_G |N_G|^2` for electrons N per grid point.

    N is a real field, :math:`N_G` its plain discrete Fourier transform (`rfftn`), and

    .. math::
        W_G = \frac{2\pi e^2}{V G^2} m_G, \qquad W_0 = 0

    with m = 2 where a wave vector of the half transform stands for its negative, too.

    Parameters
    ----------
    shape
        Number of grid points along each lattice vector.
    cell
        Lattice vectors in Å as rows, float64, shape [3, 3].

    Returns
    -------
    Tensor
        eV, shape [x, y, z//2 + 1].
    """
    squared = squared_waves(shape, cell)
    squared[0, 0, 0] = torch.inf
    factor = COULOMB_EV_ANGSTROM * 2 * torch.pi / check_cell(cell)
    return factor * half_multiplicity(shape[2], squared) / squared
