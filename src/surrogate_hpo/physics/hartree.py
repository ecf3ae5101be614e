"""Hartree energy of a periodic density."""

from collections.abc import Sequence

import torch
from torch import Tensor

from surrogate_hpo.physics.guards import check_cell, check_float64
from surrogate_hpo.physics.reciprocal import half_multiplicity, inside_cutoff, wave_vectors
from surrogate_hpo.units import BOHR_ANGSTROM, HARTREE_EV

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
    vectors = wave_vectors(density.shape, cell, half=True)
    kept = inside_cutoff(vectors, density_cutoff)
    kept[0, 0, 0] = False
    squared = (vectors**2).sum(dim=-1)
    del vectors
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
    squared = (wave_vectors(shape, cell, half=True) ** 2).sum(dim=-1)
    squared[0, 0, 0] = torch.inf
    factor = COULOMB_EV_ANGSTROM * 2 * torch.pi / check_cell(cell)
    return factor * half_multiplicity(shape[2], squared) / squared
